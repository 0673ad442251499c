// Stand-ins for Pulumi's plugins that are released only as downloads. In Go, because every command of the engine waits until
// each has started, twice for the language host.
//
//	stand-ins docker|random VERSION [ARGUMENT...] ENGINE
//	stand-ins python INTERPRETER PROGRAM [ARGUMENT...] ENGINE
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	name, arguments, address := os.Args[1], os.Args[2:], os.Args[len(os.Args)-1]
	running, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := rpcutil.Healthcheck(running, address, time.Second, end) // a killed engine sends no signal
	if err != nil {
		log.Fatal(err)
	}
	engine, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan bool)
	context.AfterFunc(running, func() { close(ended) })
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{Cancel: ended, Init: func(server *grpc.Server) error {
		switch name {
		case "docker":
			provider := &docker{common: common{version: arguments[0]}, engine: pulumirpc.NewEngineClient(engine)}
			provider.running, provider.cancel = context.WithCancel(running)
			pulumirpc.RegisterResourceProviderServer(server, provider)
		case "random":
			pulumirpc.RegisterResourceProviderServer(server, &random{common{version: arguments[0]}})
		case "python":
			host := &python{running: running, interpreter: arguments[0], program: arguments[1], engine: address}
			pulumirpc.RegisterLanguageRuntimeServer(server, host)
		default:
			return fmt.Errorf("no stand-in for %s", name)
		}
		return nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(handle.Port)
	if err := <-handle.Done; err != nil {
		log.Fatal(err)
	}
}
