package client_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/akin-search/akin/client/akintest"
)

// program is a whole program of someone else's, in a module of its own.
const program = `package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/akin-search/akin/client"
)

func main() {
	c, err := client.Dial(os.Args[1])
	if err != nil {
		panic(err)
	}
	defer c.Close()
	ctx := context.Background()
	if _, err := c.Get(ctx, "nowhere"); !errors.Is(err, client.ErrNotFound) {
		panic(err)
	}
	res, err := c.Search(ctx, "attention", client.Limit(1))
	if err != nil {
		panic(err)
	}
	fmt.Print(res.Hits[0].Paper.Title)
}
`

func TestAProgramInAnotherModuleCompilesAndRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program; run without -short")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	// The versions of the SDK's own libraries, as a resolved go.mod would have them: the test must not need a network.
	requires := regexp.MustCompile(`(?s)require \(.*?\n\)`).FindAllString(string(mod), -1)
	goVersion := regexp.MustCompile(`(?m)^go .*$`).FindString(string(mod))
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/reader\n\n" + goVersion + "\n\nrequire github.com/akin-search/akin v0.0.0\n\n" +
			strings.Join(requires, "\n") + "\n\nreplace github.com/akin-search/akin => " + root + "\n",
		"go.sum":  string(sum),
		"main.go": program,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := akintest.Start(t, library()...)
	cmd := exec.CommandContext(testContext(t), "go", "run", ".", s.Addr())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "GOTOOLCHAIN=local")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := string(out); got != "Attention over graphs" && got != "Attention is all you need" {
		t.Errorf("it printed %q", got)
	}
}
