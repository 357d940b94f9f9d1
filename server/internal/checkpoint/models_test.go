package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var testModel = ModelMeta{Lineage: "lineage", Revision: 41, Fingerprint: "0123456789abcdef", Created: time.Unix(7, 9)}

func TestTheNewestModelComesFirstAndAsWritten(t *testing.T) {
	m := Models{Path: filepath.Join(t.TempDir(), "models")}
	if files, faults, err := m.List(); err != nil || len(files)+len(faults) > 0 {
		t.Errorf("%v, %v, %v", files, faults, err)
	}
	var paths []string
	for _, body := range []string{"first", "", "the third"} {
		path, err := m.Write(testModel, bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	files, faults, err := m.List()
	if err != nil || len(faults) > 0 || len(files) != 3 {
		t.Fatalf("%v, %v, %v", files, faults, err)
	}
	for i, want := range []string{"the third", "", "first"} {
		f := files[i]
		if f.Path != paths[2-i] || f.Lineage != testModel.Lineage || f.Revision != testModel.Revision ||
			f.Fingerprint != testModel.Fingerprint || !f.Created.Equal(testModel.Created) {
			t.Errorf("%+v", f)
		}
		err := f.Read(func(r io.Reader, size int64) error {
			if b, err := io.ReadAll(r); err != nil || string(b) != want || size != int64(len(want)) {
				t.Errorf("%q of %d bytes, %v", b, size, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if err := m.Prune(paths[1]); err != nil {
		t.Fatal(err)
	}
	if files, _, _ := m.List(); len(files) != 1 || files[0].Path != paths[1] {
		t.Errorf("left %v", files)
	}
}

func TestAModelThatCannotBeWrittenLeavesNothing(t *testing.T) {
	stop := errors.New("stop")
	m := Models{Path: t.TempDir(), Hook: func(string) error { return stop }}
	if _, err := m.Write(testModel, bytes.NewBufferString("x")); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if _, err := (Models{Path: m.Path}).Write(testModel, failing{stop}); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(m.Path); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

type failing struct{ err error }

func (f failing) WriteTo(io.Writer) (int64, error) { return 0, f.err }

// TestADamagedModelHeadIsNamed flips every bit of a head and cuts the file at every length.
func TestADamagedModelHeadIsNamed(t *testing.T) {
	m := Models{Path: t.TempDir()}
	path, err := m.Write(testModel, bytes.NewBufferString("body"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, at int, b []byte) {
		t.Helper()
		if f, err := decodeModelHead(b, int64(len(b))); err == nil {
			t.Errorf("%s %d: accepted as %+v", what, at, f)
		}
	}
	for at := range whole {
		check("cut to", at, whole[:at])
	}
	for at := range len(whole) - len("body") {
		b := bytes.Clone(whole)
		b[at] ^= 1
		check("flip at", at, b)
	}
	check("longer", len(whole), append(bytes.Clone(whole), 0))
}

// FuzzModelHead holds that no bytes make the decoder panic, and that what it accepts encodes to the same head.
func FuzzModelHead(f *testing.F) {
	f.Add(testModel.head(4), int64(4))
	f.Add([]byte(modelMagic), int64(0))
	f.Fuzz(func(t *testing.T, b []byte, body int64) {
		for _, candidate := range [][]byte{b, resealed(b)} {
			got, err := decodeModelHead(candidate, int64(len(candidate))+max(0, body&0xffff))
			if err != nil {
				continue
			}
			if again := got.head(got.Size); !bytes.Equal(again, candidate[:got.Offset]) {
				t.Errorf("%x became %x", candidate, again)
			}
		}
	})
}

func TestANewerModelIsRefused(t *testing.T) {
	b := testModel.head(0)
	binary.BigEndian.PutUint32(b[len(modelMagic):], ModelFormatVersion+1)
	if _, err := decodeModelHead(b, int64(len(b))); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v", err)
	}
}
