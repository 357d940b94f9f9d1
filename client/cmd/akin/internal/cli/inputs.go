package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sort"
	"sync"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/source"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

// inputs reads files one after the other as the papers of one import. The import's iterator runs in one goroutine;
// progress and fileOf are called from others.
type inputs struct {
	files  []string
	opts   source.Options
	faults *faults

	total    int64 // bytes of all files; 0 when a size is not known
	rejected int64 // records that are no papers
	// failedFiles could not be opened, or not read to the end.
	failedFiles []string

	mu      sync.Mutex
	before  int64          // bytes of the files read to their ends
	current *source.Reader // nil between files
	starts  []start        // where each file's items begin
}

type start struct {
	item int64 // number of its first item
	file string
}

// measure adds up the sizes of the files.
func (in *inputs) measure() {
	for _, file := range in.files {
		info, err := os.Stat(file)
		if err != nil && file != "-" {
			continue // opening it will say why
		}
		if file == "-" || !info.Mode().IsRegular() {
			in.total = 0
			return
		}
		in.total += info.Size()
	}
}

// papers yields the papers of all files. A file that fails is reported, and the next one follows.
func (in *inputs) papers(ctx context.Context) iter.Seq2[*client.Paper, error] {
	return func(yield func(*client.Paper, error) bool) {
		var item int64
		for _, file := range in.files {
			goOn, err := in.file(ctx, file, &item, yield)
			if err != nil {
				in.failedFiles = append(in.failedFiles, file)
				in.faults.file(file, err)
			}
			if !goOn {
				return
			}
		}
	}
}

// file yields the papers of one file; it returns false when the import wants no more.
func (in *inputs) file(ctx context.Context, file string, item *int64, yield func(*client.Paper, error) bool) (goOn bool, err error) {
	r, err := source.Open(file, in.opts)
	if err != nil {
		return true, err
	}
	defer func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		read, total := r.Progress()
		in.before += max(read, total)
		in.current = nil
		err = errors.Join(err, r.Close())
	}()
	in.mu.Lock()
	in.current = r
	in.starts = append(in.starts, start{*item + 1, file})
	in.mu.Unlock()
	for p, err := range r.Papers() {
		var bad *source.ItemError
		switch {
		case ctx.Err() != nil:
			return false, nil
		case errors.As(err, &bad):
			in.rejected++
			in.faults.record(file, bad)
		case err != nil:
			return true, fmt.Errorf("after %s: %w", things(*item+1-in.starts[len(in.starts)-1].item, "paper", "papers"), err)
		default:
			*item++
			if !yield(p, nil) {
				return false, nil
			}
		}
	}
	return true, nil
}

// fileOf names the file of an item.
func (in *inputs) fileOf(item int64) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := sort.Search(len(in.starts), func(i int) bool { return in.starts[i].item > item })
	if i == 0 {
		return ""
	}
	return in.starts[i-1].file
}

// progress puts a report into what the meter shows. What is read but not acknowledged does not count as done.
func (in *inputs) progress(s *state, r client.ImportReport) {
	s.items, s.note = r.Done(), ""
	if r.Waiting != nil {
		why := r.Waiting.Error()
		var e *client.Error
		if errors.As(r.Waiting, &e) {
			why = e.Message
		}
		s.note = "waiting for the server: " + term.Clean(why)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.total == 0 || r.Read == 0 {
		return
	}
	bytes := in.before
	if in.current != nil {
		read, _ := in.current.Progress()
		bytes += read
	}
	s.fraction = float64(bytes) / float64(in.total) * float64(r.Done()) / float64(r.Read)
}
