package main

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestASocketThatWasLeftBehindIsReplacedAndOneInUseIsNot(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sockets in the file system have no modes there")
	}
	folder, err := os.MkdirTemp("", "akin") // a socket's path has 100 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "akin.sock")
	first, err := listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if !localOnly(first) {
		t.Error("it counts as open to the network")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if _, err := listen("unix:" + path); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("a second server: %v", err)
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false) // as after a kill
	first.Close()
	again, err := listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is left after a close")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen("unix:" + path); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file in its place: %v", err)
	}
}
