package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/ids"
	"github.com/akin-search/akin/client/cmd/akin/internal/source"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

// shownFaults is how many faults standard error names when no file takes them.
const shownFaults = 10

// faultJSON is one line of the file of --errors.
type faultJSON struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"` // where the record begins, from 1, in the decompressed text
	Item   int64  `json:"item,omitempty"` // of a paper that the server refused, from 1 over all files
	ID     string `json:"id,omitempty"`
	Error  string `json:"error"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// faults takes what fails in an import: all of it to a file, or the first few to standard error and then a count. Safe
// for concurrent use.
type faults struct {
	app     *app
	mu      sync.Mutex
	n       int64
	renames int64
	disk    *os.File // nil without --errors
	out     *bufio.Writer
	err     error // of writing the file
}

func openFaults(a *app, path string) (*faults, error) {
	f := &faults{app: a}
	if path == "" {
		return f, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, usagef("--errors: %w", err)
	}
	f.disk, f.out = file, bufio.NewWriter(file)
	return f, nil
}

// record takes a record that is no paper, or whose id another paper has.
func (f *faults) record(file string, e *source.ItemError) {
	f.add(faultJSON{File: file, Line: e.Line, ID: e.Record, Error: e.Err.Error()},
		located(position{file, e.Line}, e.Record, e.Err.Error()))
}

// item takes a paper that the server refused.
func (f *faults) item(at position, e *client.ItemError) {
	fault := faultJSON{File: at.file, Line: at.line, Item: e.Item, ID: e.ID, Error: e.Err.Message, Reason: e.Err.Reason}
	if fields := e.Err.Fields(); len(fields) > 0 {
		fault.Field = fields[0].Field
	}
	f.add(fault, located(at, e.ID, e.Err.Message))
}

// located says where a fault is, which record it concerns, and what it is.
func located(at position, id, text string) string {
	if id == "" {
		return fmt.Sprintf("%s:%d: %s", at.file, at.line, text)
	}
	return fmt.Sprintf("%s:%d (%s): %s", at.file, at.line, id, text)
}

// renamed tells of a paper that got another id.
func (f *faults) renamed(it ids.Item, from string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.renames++; f.renames <= shownFaults {
		f.app.note("%s", term.Clean(fmt.Sprintf("%s:%d: another paper has the id %q; stored as %q", it.File, it.Line, from,
			it.Paper.GetId())))
	}
}

// note tells what was left out of papers that went in.
func (f *faults) note(file, text string) { f.app.note("%s", term.Clean(file+": "+text)) }

// file takes a file that could not be read, which is always told on standard error too.
func (f *faults) file(file string, err error) {
	text := err.Error()
	var path *os.PathError
	if errors.As(err, &path) {
		text = path.Err.Error()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(faultJSON{File: file, Error: text})
	f.app.note("%s: %s", file, term.Clean(text))
}

func (f *faults) add(fault faultJSON, line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.out != nil {
		f.write(fault)
	} else if f.n <= shownFaults {
		f.app.note("%s", term.Clean(line))
	}
}

func (f *faults) write(fault faultJSON) {
	if f.out == nil {
		return
	}
	raw, err := json.Marshal(fault)
	if err == nil {
		_, err = f.out.Write(append(raw, '\n'))
	}
	f.err = errors.Join(f.err, err)
}

// close says how many were not named, and closes the file.
func (f *faults) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.disk != nil:
		if f.n > 0 {
			f.app.note("%s in %s", things(f.n, "failure is", "failures are"), f.disk.Name())
		}
		if err := errors.Join(f.err, f.out.Flush(), f.disk.Close()); err != nil {
			return fmt.Errorf("--errors: %w", err)
		}
	case f.n > shownFaults:
		f.app.note("... and %s more; --errors FILE keeps them all", count(f.n-shownFaults))
	}
	if f.renames > shownFaults {
		f.app.note("... and %s more stored under an id with a suffix", count(f.renames-shownFaults))
	}
	return nil
}
