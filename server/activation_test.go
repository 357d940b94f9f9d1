//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
)

// startOn starts the server on a socket as systemd does: the third file, and two variables that name it.
func startOn(t *testing.T, socket *os.File, data string) *process {
	t.Helper()
	p := command(t, "--data", data)
	// The variable must name the process that reads it, which only a shell in its place can know.
	shell := exec.CommandContext(t.Context(), "/bin/sh",
		append([]string{"-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`}, p.Args...)...)
	shell.Env, shell.ExtraFiles = p.Env, []*os.File{socket}
	p.Cmd = shell
	return p.begin(t)
}

func TestConnectsWaitWhileAServerRestartsOnASocketOfSystemd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	data := t.TempDir()
	p := startOn(t, socket, data)
	if p.addr != listener.Addr().String() {
		t.Fatalf("serves on %s, was passed %s", p.addr, listener.Addr())
	}
	c := dial(t, p)
	if _, err := c.Upsert(t.Context(), &client.Paper{Id: "a", Title: "A title"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest := p.untilLog("")
	if err := p.Wait(); err != nil || !strings.Contains(rest, "stopped") {
		t.Fatalf("%v\n%s", err, rest)
	}
	// No server runs, and a connection is taken all the same.
	conn, err := net.DialTimeout("tcp", listener.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	got := make(chan error, 1)
	go func() {
		_, err := c.Get(t.Context(), "a")
		got <- err
	}()
	startOn(t, socket, data)
	if err := <-got; err != nil {
		t.Errorf("a call made during the restart: %v", err)
	}
}
