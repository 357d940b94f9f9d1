// Package cli is the command line: commands, settings, output and exit codes, over the SDK alone.
//
// Run takes one command line from its flags to an exit code:
//
//	settings   flags, then the environment, then the config file; the first that gives a value counts  settings.go
//	command    the commands, in the order in which help teaches them                                   root.go
//	work       calls of package client, in a file for each group of commands                           papers.go, …
//	output     a table on a terminal, rows with tabs elsewhere, JSON with --json                       output.go
//	exit       an error becomes a code, and a tip on what to do about it                               exit.go, faults.go
//
// A command sees the process through Env alone, so that tests run whole commands and compare what they print with the
// files in testdata.
package cli

import (
	"io"
	"os"
	"path/filepath"

	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

// Env is what a command sees of the world; tests bring their own.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	// OutWidth and ErrWidth are the widths of the terminals behind Out and Err, 0 when there is none.
	OutWidth, ErrWidth int
	Getenv             func(string) string
	// ConfigFile is the file read when --config and AKIN_CONFIG name none; it may be missing.
	ConfigFile string
}

// System is the world of a process.
func System() *Env {
	env := &Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
		OutWidth: term.Terminal(os.Stdout), ErrWidth: term.Terminal(os.Stderr),
	}
	if dir, err := os.UserConfigDir(); err == nil {
		env.ConfigFile = filepath.Join(dir, "akin", "config.toml")
	}
	return env
}
