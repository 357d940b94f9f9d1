package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// npmFolder is a folder with the npm packages of internal/gateway/testdata/npm, which check.sh there installs.
func npmFolder(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("AKIN_NPM")
	if folder == "" {
		t.Skip("the npm packages are not installed: bash server/internal/gateway/testdata/npm/check.sh")
	}
	return folder
}

// inFolder runs a command to its end, which must be a good one.
func inFolder(t *testing.T, folder, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "NO_PROXY=*")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

func TestNPMClients(t *testing.T) {
	folder := npmFolder(t)
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir())
	descriptors, err := filepath.Abs("../proto/descriptors.binpb")
	if err != nil {
		t.Fatal(err)
	}
	inFolder(t, folder, "node", "check.mjs", p.addr, descriptors)
}

func TestNPMLinterFindsNothingInOpenAPI(t *testing.T) {
	folder := npmFolder(t)
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir())
	status, _, text := ask(t, "GET", "http://"+p.addr+"/openapi.json", nil, "")
	if status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if err := os.WriteFile(filepath.Join(folder, "openapi.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	inFolder(t, folder, "node", "node_modules/@redocly/cli/bin/cli.js", "lint", "--config", "redocly.yaml", "openapi.json")
}
