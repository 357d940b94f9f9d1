package checkpoint

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

var testMeta = Meta{
	Lineage: "00112233445566778899aabbccddeeff", Model: "model", Index: "hnsw", Revision: 41, Slots: 7, Content: 3,
}

// contents remembers what sections hold, so that comparing costs little.
var contents sync.Map

// content is what a section of a size holds.
func content(name string, size int) []byte {
	if b, ok := contents.Load(name); ok && len(b.([]byte)) == size {
		return b.([]byte)
	}
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte([]byte(name + strings.Repeat(".", 32))[:32])).Read(b) // never fails
	contents.Store(name, b)
	return b
}

// sizes of the sections of a test: around the bounds of blocks.
var sizes map[string]int

func TestMain(m *testing.M) {
	blockSize = 8 << 10
	sizes = map[string]int{"empty": 0, "one": 1, "less": blockSize - 1, "block": blockSize, "more": blockSize + 1,
		"three": 3*blockSize + 77}
	m.Run()
}

// writeSample writes a checkpoint of all sizes, one goroutine a section.
func writeSample(t testing.TB, f Folder, meta Meta) (string, error) {
	t.Helper()
	part, err := f.WriteBase(context.Background(), meta, sample(t))
	return part.Path, err
}

// sample fills sections of all sizes.
func sample(t testing.TB) func(w *Writer) error {
	return func(w *Writer) error {
		var wg sync.WaitGroup
		for name, size := range sizes {
			section := w.Section(name)
			wg.Go(func() {
				for rest := content(name, size); len(rest) > 0; {
					n := min(len(rest), 10_001)
					if _, err := section.Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
			})
		}
		wg.Wait()
		return nil
	}
}

// readAll reads all sections and compares; the first error is returned, other bytes than those written are a failure.
func readAll(t testing.TB, r *Reader) error {
	t.Helper()
	for name, size := range sizes {
		section, n, err := r.Section(name)
		if err != nil {
			return err
		}
		if n != int64(size) {
			t.Fatalf("section %s says it has %d bytes", name, n)
		}
		got, err := io.ReadAll(section)
		if want := content(name, size); err == nil && !bytes.Equal(got, want) || !bytes.HasPrefix(want, got) {
			t.Fatalf("section %s gives other bytes than were written", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func TestSectionsComeBackAsWritten(t *testing.T) {
	f := Folder{Path: filepath.Join(t.TempDir(), "checkpoints")}
	if _, err := f.Open(); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
	path, err := writeSample(t, f, testMeta)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := c.Parts[0]
	if c.Fault != nil || len(c.Parts) != 1 || r.Meta() != testMeta || r.Path() != path || len(r.Sections()) != len(sizes) {
		t.Errorf("meta %+v, path %s, sections %v", r.Meta(), r.Path(), r.Sections())
	}
	if err := readAll(t, r); err != nil {
		t.Error(err)
	}
	if err := r.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	for name, size := range sizes {
		section, _, err := r.Section(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(section, content(name, size)); err != nil {
			t.Error(err)
		}
		section, _, _ = r.Section(name)
		var buf bytes.Buffer
		if n, err := io.Copy(&buf, section); err != nil || n != int64(size) ||
			!bytes.Equal(buf.Bytes(), content(name, size)) {
			t.Errorf("copied %d bytes of %s, %v", n, name, err)
		}
	}
	if _, _, err := r.Section("other"); !errors.Is(err, ErrNoSection) {
		t.Errorf("got %v", err)
	}
}

func TestANewCheckpointReplacesTheOneBefore(t *testing.T) {
	f := Folder{Path: t.TempDir()}
	for i := range uint64(3) {
		meta := testMeta
		meta.Revision = i
		path, err := writeSample(t, f, meta)
		if err != nil {
			t.Fatal(err)
		}
		if paths, err := f.List(); err != nil || !slices.Equal(paths, []string{path}) {
			t.Errorf("%v, %v", paths, err)
		}
		if c, err := f.Open(); err != nil || c.Parts[0].Meta().Revision != i {
			t.Errorf("%+v, %v", c, err)
		}
	}
	if err := f.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(f.Path); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAnInterruptedWriteLeavesTheOneBefore(t *testing.T) {
	stop := errors.New("stop")
	f := Folder{Path: t.TempDir()}
	before, err := writeSample(t, f, testMeta)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v", what, err)
		}
		if entries, err := os.ReadDir(f.Path); err != nil || len(entries) != 1 ||
			filepath.Join(f.Path, entries[0].Name()) != before {
			t.Errorf("%s: left %v, %v", what, entries, err)
		}
	}
	for _, point := range []string{PointWritten, PointNamed, PointVerified} {
		failing := Folder{Path: f.Path, Hook: func(p string) error {
			if p == point {
				return stop
			}
			return nil
		}}
		_, err := writeSample(t, failing, testMeta)
		check(point, err, stop)
	}
	_, err = f.WriteBase(t.Context(), testMeta, func(w *Writer) error { w.Section("a"); return stop })
	check("failing function", err, stop)
	for name, fn := range map[string]func(w *Writer) error{
		"a name twice": func(w *Writer) error { w.Section("a"); w.Section("a"); return nil },
		"a bad name":   func(w *Writer) error { w.Section("../a"); return nil },
		"no name":      func(w *Writer) error { w.Section(""); return nil },
	} {
		if _, err = f.WriteBase(t.Context(), testMeta, fn); err == nil {
			t.Errorf("%s: no error", name)
		}
		check(name, err, err)
	}
	// A killed process leaves its folder, which the next write and Clean remove.
	if err := os.MkdirAll(filepath.Join(f.Path, tempPrefix+"x", "y"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Clean(); err != nil {
		t.Fatal(err)
	}
	check("killed", nil, nil)
}

func TestTruncationAfterOpeningIsAnError(t *testing.T) {
	f := Folder{Path: t.TempDir()}
	path, err := writeSample(t, f, testMeta)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(filepath.Join(path, "three"+sectionSuffix), int64(blockSize+5)); err != nil {
		t.Fatal(err)
	}
	section, _, err := r.Section("three")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(section)
	if !errors.Is(err, ErrTruncated) || len(got) != blockSize {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := r.Verify(t.Context()); !errors.Is(err, ErrTruncated) {
		t.Errorf("Verify: %v", err)
	}
}

func TestForeignFoldersAreNotTouched(t *testing.T) {
	f := Folder{Path: t.TempDir()}
	for _, name := range []string{"checkpoint-7", "checkpoint-x", "other", "checkpoint-00000001x"} {
		if err := os.Mkdir(filepath.Join(f.Path, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if paths, err := f.List(); err != nil || len(paths) > 0 {
		t.Errorf("%v, %v", paths, err)
	}
	if err := f.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(f.Path); err != nil || len(left) != 4 {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := Open(filepath.Join(f.Path, "other")); !errors.Is(err, ErrNotCheckpoint) ||
		errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// FuzzManifest holds that no manifest makes the decoder panic or allocate beyond its own size, and that what it accepts
// encodes to the same bytes.
func FuzzManifest(f *testing.F) {
	m := manifest{
		meta: testMeta, sections: []section{{name: "a"}, {name: "b", size: int64(blockSize) + 1, sums: []uint32{1, 2}}},
	}
	f.Add(m.encode())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, candidate := range [][]byte{b, resealed(b)} {
			m, err := decodeManifest(candidate)
			if err != nil {
				continue
			}
			total := 0
			for _, s := range m.sections {
				total += 4 * len(s.sums)
			}
			if total > len(candidate) {
				t.Errorf("%d bytes of sums from %d bytes", total, len(candidate))
			}
			if again := m.encode(); !bytes.Equal(again, candidate) {
				t.Errorf("%x became %x", candidate, again)
			}
			if back, err := decodeManifest(m.encode()); err != nil || !reflect.DeepEqual(back, m) {
				t.Errorf("%+v, %v", back, err)
			}
		}
	})
}

// BenchmarkCheckpoint writes and reads 256 MiB in four sections; reading is from the page cache.
func BenchmarkCheckpoint(b *testing.B) {
	blockSize = 1 << 20
	const size = 64 << 20
	f := Folder{Path: b.TempDir()}
	data := content("bench", size)
	names := []string{"a", "b", "c", "d"}
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(size * len(names)))
		for b.Loop() {
			_, err := f.WriteBase(context.Background(), testMeta, func(w *Writer) error {
				for _, name := range names {
					if _, err := w.Section(name).Write(data); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(size * len(names)))
		dst := make([][]byte, len(names))
		for i := range dst {
			dst[i] = make([]byte, size)
		}
		for b.Loop() {
			c, err := f.Open()
			if err != nil {
				b.Fatal(err)
			}
			r := c.Parts[0]
			var wg sync.WaitGroup
			for i, name := range names {
				wg.Go(func() {
					section, _, err := r.Section(name)
					if err == nil {
						_, err = io.ReadFull(section, dst[i])
					}
					if err != nil {
						b.Error(err)
					}
				})
			}
			wg.Wait()
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(int64(size * len(names)))
		c, err := f.Open()
		if err != nil {
			b.Fatal(err)
		}
		r := c.Parts[0]
		for b.Loop() {
			if err := r.Verify(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// resealed gives bytes the checksum they would need.
func resealed(b []byte) []byte {
	if len(b) < prefixSize+crcSize {
		return b
	}
	body := bytes.Clone(b[:len(b)-crcSize])
	return binary.BigEndian.AppendUint32(body, crc32.Checksum(body, castagnoli))
}
