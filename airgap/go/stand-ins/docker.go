package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

const tail = 25 // lines of the build's output that an error repeats

var step = regexp.MustCompile(`^#\d+ \[`) // how the output of a BuildKit step begins

// docker makes an Image: BuildKit builds through the docker command line. Without preview support, like the official
// provider: a preview shows the inputs and builds nothing.
type docker struct {
	common
	engine     pulumirpc.EngineClient
	connection []string // to the daemon, as environment variables
	running    context.Context
	cancel     context.CancelFunc
}

func (d *docker) Configure(_ context.Context, asked *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	if host := asked.GetVariables()["docker:config:host"]; host != "" {
		d.connection = append(d.connection, "DOCKER_HOST="+host)
	}
	if certificates := asked.GetVariables()["docker:config:certPath"]; certificates != "" {
		d.connection = append(d.connection, "DOCKER_CERT_PATH="+certificates, "DOCKER_TLS_VERIFY=1")
	}
	return &pulumirpc.ConfigureResponse{}, nil
}

func (d *docker) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	d.cancel()
	return &emptypb.Empty{}, nil
}

func (d *docker) Create(_ context.Context, asked *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	inputs := asked.GetProperties()
	image := inputs.GetFields()["imageName"].GetStringValue()
	arguments, variables := buildCommand(image, inputs.GetFields()["build"].GetStructValue().AsMap())
	err := d.run(asked.GetUrn(), image, arguments, variables)
	if err == nil && !inputs.GetFields()["skipPush"].GetBoolValue() {
		err = d.run(asked.GetUrn(), image, []string{"push", image}, nil)
	}
	return &pulumirpc.CreateResponse{Id: image, Properties: inputs}, err
}

func (d *docker) Update(ctx context.Context, asked *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	made, err := d.Create(ctx, &pulumirpc.CreateRequest{Urn: asked.GetUrn(), Properties: asked.GetNews()})
	return &pulumirpc.UpdateResponse{Properties: made.GetProperties()}, err
}

// buildCommand returns docker's arguments for a build, and the variables that carry the build arguments' values.
func buildCommand(image string, build map[string]any) (arguments, variables []string) {
	arguments = []string{"build", "--progress=plain", "--tag=" + image, fmt.Sprint("--file=", build["dockerfile"])}
	for _, key := range []string{"target", "platform"} {
		if value, _ := build[key].(string); value != "" {
			arguments = append(arguments, "--"+key+"="+value)
		}
	}
	variables = []string{"DOCKER_BUILDKIT=1"}
	values, _ := build["args"].(map[string]any)
	for name, value := range values {
		// Without its value: docker reads it from the environment, and `ps` shows none.
		arguments = append(arguments, "--build-arg="+name)
		variables = append(variables, fmt.Sprintf("%s=%v", name, value))
	}
	return append(arguments, fmt.Sprint(build["context"])), variables
}

// run reports each step beside the resource, and repeats the last lines of a command that fails.
func (d *docker) run(urn, image string, arguments, variables []string) error {
	command := exec.CommandContext(d.running, "docker", arguments...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.Env = append(append(os.Environ(), d.connection...), variables...)
	output, err := command.StdoutPipe()
	command.Stderr = command.Stdout
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return fmt.Errorf("building %s failed\n%w", image, err)
	}
	lines := []string{}
	for reader := bufio.NewReader(output); err == nil; {
		var line string
		line, err = reader.ReadString('\n')
		lines = append(lines, strings.ToValidUTF8(line, "�"))
		if step.MatchString(line) {
			message := strings.TrimSpace(lines[len(lines)-1])
			status := &pulumirpc.LogRequest{Severity: pulumirpc.LogSeverity_INFO, Urn: urn, Message: message, Ephemeral: true}
			_, _ = d.engine.Log(d.running, status)
		}
	}
	if command.Wait() != nil {
		return fmt.Errorf("building %s failed\n%s", image, strings.Join(lines[max(0, len(lines)-tail):], ""))
	}
	return nil
}
