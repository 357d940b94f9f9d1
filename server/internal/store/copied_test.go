package store

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// TestAFolderCopiedWhileInUseIsWholeOrRefused copies the file, page after page, under writes that use pages again. What
// opens is whole and has a history of its own from there on; what is torn is damage with a name.
func TestAFolderCopiedWhileInUseIsWholeOrRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := tryWrite(s, put(sample(fmt.Sprint("p", i%40), i))); err != nil {
				t.Error(err)
				return
			}
			if i%20 == 0 {
				if err := s.Collect(t.Context(), s.Revision()); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	opened, refused := 0, 0
	for range rounds(12) {
		copied := t.TempDir()
		before := s.Position()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		c, err := Open(copied, Options{})
		switch {
		case errors.Is(err, ErrDamaged):
			refused++
			continue
		case err != nil:
			t.Fatalf("neither whole nor damaged: %v", err)
		}
		opened++
		if err := c.Check(t.Context()); err != nil {
			t.Errorf("an opened copy: %v", err)
		}
		if err := c.Follows(before); err != nil {
			t.Errorf("the copy lacks what was durable before: %v", err)
		}
		write(t, c, put(sample("copy", 1)))
		if err := s.Follows(c.Position()); err == nil {
			t.Errorf("what the copy wrote, %s, passes for the original's", c.Position())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	writer.Wait()
	t.Logf("%d copies are whole, %d are refused", opened, refused)
}
