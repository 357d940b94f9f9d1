package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/akin-search/akin/client"
)

// process is a server in a process of its own, and a client of it.
type process struct {
	cmd    *exec.Cmd
	client *client.Client
	addr   string
	ready  time.Duration // from the start of the process until it serves
	logged chan error    // gets the end of the log
}

// buildServer compiles the server of this module into a folder. The command is run within the module.
func buildServer(ctx context.Context, folder string) (string, error) {
	binary := filepath.Join(folder, "akin-server")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/akin-search/akin/server")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w: %s", err, out)
	}
	return binary, nil
}

// serving are the settings that commands have in common which start servers of their own.
type serving struct {
	papers  int
	server  string // binary; empty: built from this module
	verbose bool
}

// addTo declares the flags of the settings.
func (s *serving) addTo(f *pflag.FlagSet, papers int) {
	f.IntVar(&s.papers, "papers", papers, "papers to import")
	f.StringVar(&s.server, "server", "", "server binary (default: built from this module)")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "show progress and the servers' logs on standard error")
}

// log is where the servers' logs go.
func (s *serving) log() io.Writer {
	if s.verbose {
		return os.Stderr
	}
	return io.Discard
}

// workspace makes a temporary folder, which the caller removes, and builds the server into it where none is named.
func workspace(ctx context.Context, pattern string, server *string) (folder string, err error) {
	if folder, err = os.MkdirTemp("", pattern); err != nil || *server != "" {
		return folder, err
	}
	if *server, err = buildServer(ctx, folder); err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	return folder, nil
}

var addressOf = regexp.MustCompile(`msg=serving address=(\S+)`)

// startServer runs a server on a data folder and waits until it serves. Its log goes to log, which may be io.Discard.
func startServer(binary, data string, log io.Writer, flags ...string) (*process, error) {
	p := &process{
		cmd:    exec.Command(binary, append([]string{"--addr", "127.0.0.1:0", "--data", data}, flags...)...),
		logged: make(chan error, 1),
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stderr)
	var seen strings.Builder
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		fmt.Fprintln(&seen, lines.Text())
		if found := addressOf.FindStringSubmatch(lines.Text()); found != nil {
			p.ready, p.addr = time.Since(began), found[1]
			go p.follow(lines, log)
			p.client, err = client.Dial(found[1])
			if err != nil {
				return nil, errors.Join(err, p.kill())
			}
			return p, nil
		}
	}
	return nil, fmt.Errorf("the server does not serve: %w\n%s", p.cmd.Wait(), seen.String())
}

// follow copies the rest of the log.
func (p *process) follow(lines *bufio.Scanner, log io.Writer) {
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
	}
	p.logged <- lines.Err()
}

// stop ends the server cleanly and returns how long that took.
func (p *process) stop() (time.Duration, error) {
	began := time.Now()
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	err = errors.Join(err, p.wait())
	return time.Since(began), err
}

// kill ends the server with SIGKILL.
func (p *process) kill() error {
	err := p.cmd.Process.Signal(os.Kill)
	if waited := p.wait(); waited != nil {
		var exit *exec.ExitError
		if !errors.As(waited, &exit) {
			err = errors.Join(err, waited)
		}
	}
	return err
}

// wait returns when the process and its log have ended.
func (p *process) wait() error {
	var err error
	if p.client != nil {
		err = p.client.Close()
	}
	return errors.Join(err, <-p.logged, p.cmd.Wait())
}
