package main

import (
	"context"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

// common is what both providers answer alike. Neither asks for marks of secrets: the engine itself marks in an answer what
// was secret under the same name in the request.
type common struct {
	pulumirpc.UnimplementedResourceProviderServer
	version string
}

func (c *common) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: c.version}, nil
}

func (*common) Check(_ context.Context, asked *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: asked.GetNews()}, nil
}

// Diff leaves the comparison of the inputs to the engine.
func (*common) Diff(context.Context, *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return &pulumirpc.DiffResponse{HasDetailedDiff: true}, nil
}

func (*common) Read(_ context.Context, asked *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	return &pulumirpc.ReadResponse{Id: asked.GetId(), Properties: asked.GetProperties(), Inputs: asked.GetInputs()}, nil
}

// Delete has nothing to do: a password is in the state alone, and old pods may still need an image.
func (*common) Delete(context.Context, *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}
