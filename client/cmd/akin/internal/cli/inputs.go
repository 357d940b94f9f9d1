package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/ids"
	"github.com/akin-search/akin/client/cmd/akin/internal/source"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

// inputs reads files one after the other as the papers of one import. The import's iterator runs in one goroutine;
// progress and place are called from others.
type inputs struct {
	files  []string
	opts   source.Options
	faults *faults
	// stored returns papers that are stored under some ids; replace lets records replace different papers.
	stored  func(ctx context.Context, ids []string) ([]*client.Paper, error)
	replace bool

	total    int64 // bytes of all files; 0 when a size is not known
	rejected int64 // records that are no papers, or whose id another paper has
	renamed  int64 // papers that got another id, because another paper has theirs
	copies   int64 // records left out, because a fuller record of the same paper is in the import
	versions int64 // records that came after another one of the same paper under its id
	notes    []string
	// failedFiles could not be opened, or not read to the end.
	failedFiles []string

	mu      sync.Mutex
	before  int64                // bytes of the files read to their ends
	current *source.Reader       // nil between files
	places  [placesKept]position // of the last items, by their number
}

// placesKept is how many items are remembered with their place: more than an import has on the way.
const placesKept = 2 * client.DefaultWindowItems

// position is where an item comes from.
type position struct {
	file string
	line int
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
		r := ids.New(ids.Config{
			Stored: in.stored, Replace: in.replace,
			Pass: func(it ids.Item) bool {
				item++
				in.mu.Lock()
				in.places[item%placesKept] = position{it.File, it.Line}
				in.mu.Unlock()
				return yield(it.Paper, nil)
			},
			Fault: func(it ids.Item, e *ids.Conflict) {
				in.rejected++
				in.faults.record(it.File, &source.ItemError{Line: it.Line, Record: it.Paper.GetId(), Err: e})
			},
			Renamed: func(it ids.Item, from string) {
				in.renamed++
				in.faults.renamed(it, from)
			},
		})
		defer func() { in.copies, in.versions = r.Copies, r.Versions }()
		for _, file := range in.files {
			goOn, err := in.file(ctx, file, r)
			var comparing *comparingError
			if errors.As(err, &comparing) {
				yield(nil, comparing.error)
				return
			}
			if err != nil {
				in.failedFiles = append(in.failedFiles, file)
				in.faults.file(file, err)
			}
			if !goOn {
				return
			}
		}
		if _, err := r.Flush(ctx); err != nil {
			yield(nil, err)
		}
	}
}

// comparingError is the server's, where a file is not at fault.
type comparingError struct{ error }

// file takes in the papers of one file; it returns false when the import wants no more.
func (in *inputs) file(ctx context.Context, file string, to *ids.Resolver) (goOn bool, err error) {
	r, err := source.Open(file, in.opts)
	if err != nil {
		return true, err
	}
	defer func() {
		for _, note := range r.Notes() {
			in.notes = append(in.notes, file+": "+note)
			in.faults.note(file, note)
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		read, total := r.Progress()
		in.before += max(read, total)
		in.current = nil
		err = errors.Join(err, r.Close())
	}()
	in.mu.Lock()
	in.current = r
	in.mu.Unlock()
	papers := int64(0)
	for rec, err := range r.Records() {
		var bad *source.ItemError
		switch {
		case ctx.Err() != nil:
			return false, nil
		case errors.As(err, &bad):
			in.rejected++
			in.faults.record(file, bad)
		case err != nil:
			return true, fmt.Errorf("after %s: %w", things(papers, "paper", "papers"), err)
		default:
			papers++
			goOn, err := to.Add(ctx, ids.Item{Record: rec, File: file})
			if err != nil {
				return false, &comparingError{err}
			}
			if !goOn {
				return false, nil
			}
		}
	}
	return true, nil
}

// place says where an item comes from that is on the way.
func (in *inputs) place(item int64) position {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.places[item%placesKept]
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
