package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

const reported = 32 // exit code of a program whose error is in the engine's log already

// python runs the project's program and policy packs, each as a process of its own.
type python struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	running                      context.Context
	interpreter, program, engine string
}

func (*python) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{}, nil
}

func (p *python) About(ctx context.Context, _ *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	said, err := exec.CommandContext(ctx, p.interpreter, "--version").Output()
	version := strings.TrimPrefix(strings.TrimSpace(string(said)), "Python ")
	return &pulumirpc.AboutResponse{Executable: p.interpreter, Version: version}, err
}

// Run hands the request to program.py on its standard input: it has secrets, which no command line should show.
func (p *python) Run(ctx context.Context, asked *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	asked.Args = []string{p.engine} // where the SDK looks for the engine's address
	request, err := proto.Marshal(asked)
	if err != nil {
		return nil, err
	}
	command := p.command(ctx, p.program)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(request), os.Stdout, os.Stderr
	err = run(command)
	if command.ProcessState != nil && command.ProcessState.ExitCode() == reported {
		return &pulumirpc.RunResponse{Bail: true}, nil
	}
	if err != nil {
		return &pulumirpc.RunResponse{Error: "the program ended with " + err.Error()}, nil
	}
	return &pulumirpc.RunResponse{}, nil
}

func (p *python) RunPlugin(asked *pulumirpc.RunPluginRequest, server pulumirpc.LanguageRuntime_RunPluginServer) error {
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(server, false)
	if err != nil {
		return err
	}
	defer closer.Close()
	command := p.command(server.Context(), append([]string{asked.GetInfo().GetProgramDirectory()}, asked.GetArgs()...)...)
	command.Dir, command.Env, command.Stdout, command.Stderr = asked.GetPwd(), asked.GetEnv(), stdout, stderr
	var ended *exec.ExitError
	if err := run(command); err != nil && !errors.As(err, &ended) {
		return err
	}
	code := int32(command.ProcessState.ExitCode())
	return server.Send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: code}})
}

// command is killed when the engine no longer waits for it, when this process shall end, and when it is killed itself.
func (p *python) command(ctx context.Context, arguments ...string) *exec.Cmd {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(p.running, cancel)
	command := exec.CommandContext(ctx, p.interpreter, append([]string{"-u"}, arguments...)...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command
}

func run(command *exec.Cmd) error {
	runtime.LockOSThread() // Linux watches the thread that started the child
	defer runtime.UnlockOSThread()
	return command.Run()
}
