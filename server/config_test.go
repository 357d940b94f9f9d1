package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// filled is the settings of a command line, an environment and a file.
func filled(t *testing.T, file string, environment map[string]string, args ...string) (*settings, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "akin.toml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var s settings
	f := pflag.NewFlagSet("akin-server", pflag.ContinueOnError)
	s.register(f)
	if err := f.Parse(append([]string{"--config", path}, args...)); err != nil {
		t.Fatal(err)
	}
	return &s, s.fill(f, func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	})
}

func TestFlagsGoBeforeTheEnvironmentAndThatBeforeTheFile(t *testing.T) {
	file := "addr = \"file:1\"\ndata = \"file\"\ndrain = \"3s\"\nmax-connections = 7\ninsecure = true\n"
	s, err := filled(t, file, map[string]string{"AKIN_SERVER_ADDR": "environment:1", "AKIN_SERVER_DATA": "environment"},
		"--addr", "flag:1")
	if err != nil {
		t.Fatal(err)
	}
	if s.addr != "flag:1" || s.data != "environment" || s.drain != 3*time.Second || s.connections != 7 || !s.insecure ||
		s.logLevel != "info" {
		t.Errorf("got %+v", s)
	}
}

func TestEveryFaultOfTheConfigurationIsTold(t *testing.T) {
	_, err := filled(t, "adr = \"x\"\ndrain = \"soon\"\nlog-level = [\"info\"]\n",
		map[string]string{"AKIN_SERVER_MAX_CONNECTIONS": "many"})
	for _, want := range []string{`"adr"`, "drain = soon", "log-level", "AKIN_SERVER_MAX_CONNECTIONS"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if _, err := filled(t, "addr = ", nil); err == nil || !strings.Contains(err.Error(), "--config") {
		t.Errorf("a broken file: %v", err)
	}
}

func TestListsOfTextsAreGivenInEachPlace(t *testing.T) {
	for name, c := range map[string]struct {
		file        string
		environment map[string]string
		args        []string
	}{
		"a list in the file": {file: "allowed-hosts = [\"a.org\", \"b.org\"]\n"},
		"a text in the file": {file: "allowed-hosts = \"a.org,b.org\"\n"},
		"the environment":    {environment: map[string]string{"AKIN_SERVER_ALLOWED_HOSTS": "a.org,b.org"}},
		"a flag":             {file: "allowed-hosts = [\"c.org\"]\n", args: []string{"--allowed-hosts", "a.org,b.org"}},
	} {
		s, err := filled(t, c.file, c.environment, c.args...)
		if err != nil || !slices.Equal(s.allowedHosts, []string{"a.org", "b.org"}) {
			t.Errorf("%s: %v %v", name, s.allowedHosts, err)
		}
	}
	if _, err := filled(t, "allowed-hosts = [1]\n", nil); err == nil || !strings.Contains(err.Error(), "list of texts") {
		t.Errorf("numbers: %v", err)
	}
}

func TestCheckConfigOpensNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "papers")
	cmd := newCommand(nil)
	cmd.SetArgs([]string{"--data", data, "--check-config"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("the folder of the papers was made")
	}
	cmd = newCommand(nil)
	cmd.SetArgs([]string{"--data", data, "--check-config", "--tokens-file", filepath.Join(t.TempDir(), "none")})
	if err := cmd.Execute(); err == nil {
		t.Error("a file that is missing is right")
	}
}

func TestTheHelpNamesEverySettingAndItsVariable(t *testing.T) {
	cmd := newCommand(nil)
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"-h"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		variable := "[" + variableOf(flag.Name) + "]"
		if own := flag.Name == "help" || flag.Name == "version" ||
			flag.Name == "check-config"; !own && !strings.Contains(out.String(), variable) {
			t.Errorf("-h does not tell %s", variable)
		}
	})
}
