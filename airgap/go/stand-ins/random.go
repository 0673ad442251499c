package main

import (
	"context"
	cryptorand "crypto/rand"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9" // the protocol's sign for it: plugin.UnknownStringValue
)

// random makes a RandomPassword.
type random struct{ common }

func (*random) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	return &pulumirpc.ConfigureResponse{SupportsPreview: true}, nil
}

func (r *random) Check(ctx context.Context, asked *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	kind := resource.URN(asked.GetUrn()).Type()
	keys := slices.Sorted(maps.Keys(asked.GetNews().GetFields()))
	known := kind.Name() == "RandomPassword" && slices.Equal(keys, []string{"length", "special"})
	if !known || asked.GetNews().AsMap()["special"] != false {
		return nil, fmt.Errorf("this stand-in makes a RandomPassword of letters and digits, by its length alone; "+
			"it does not know %s by %s", kind, strings.Join(keys, ", "))
	}
	return r.common.Check(ctx, asked)
}

func (r *random) Diff(ctx context.Context, asked *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	answer, err := r.common.Diff(ctx, asked)
	if asked.GetOlds().AsMap()["length"] != asked.GetNews().AsMap()["length"] {
		answer.Replaces = []string{"length"}
	}
	return answer, err
}

func (*random) Create(_ context.Context, asked *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	made := unknown
	if !asked.GetPreview() {
		made = password(int(asked.GetProperties().GetFields()["length"].GetNumberValue()))
	}
	result, err := structpb.NewValue(map[string]any{resource.SigKey: resource.SecretSig, "value": made})
	asked.GetProperties().GetFields()["result"] = result
	return &pulumirpc.CreateResponse{Id: "none", Properties: asked.GetProperties()}, err
}

func password(length int) string {
	made := make([]byte, length)
	for at := range made {
		// Never an error: without random numbers the program ends.
		found, _ := cryptorand.Int(cryptorand.Reader, big.NewInt(int64(len(letters))))
		made[at] = letters[found.Int64()]
	}
	return string(made)
}
