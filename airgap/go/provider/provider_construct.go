// In place of the provider's file of the same name: without its components (Chart, ConfigGroup, ConfigFile, Directory),
// for which all of Pulumi's Go types of Kubernetes would have to be compiled. This program uses resources alone.
package provider

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

var resourceProviders map[string]resource.ResourceProviderFactory

func (*kubeProvider) Construct(_ context.Context, asked *pulumirpc.ConstructRequest) (*pulumirpc.ConstructResponse, error) {
	return nil, fmt.Errorf("%s is not in this build of the provider: install the official release", asked.GetType())
}
