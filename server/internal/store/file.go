package store

import (
	"errors"
	"math/bits"
	"os"
	"runtime"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// pageSize is that of every papers.db, whatever the machine's own is, so that files can move between machines.
const pageSize = 4096

// file is an open papers.db.
type file struct {
	db        *bolt.DB
	handle    *os.File // the descriptor inside db
	mapped    int64    // bytes of address space mapped, at least
	olderRoot bool     // opened at the older of its roots
	broken    bool     // a panic may have left locks of db held
}

// openFile verifies a file and opens it. The caller holds the folder's lock.
func openFile(path string, opt Options) (*file, error) {
	found, err := verifyFile(path, opt)
	if err != nil {
		return nil, err
	}
	f := &file{olderRoot: found.olderRoot}
	if err := f.open(path, opt); err != nil {
		return nil, err
	}
	return f, nil
}

// open maps the file, into less address space where there is not enough for Options.MapBytes.
func (f *file) open(path string, opt Options) error {
	for mapBytes := addressSpace(opt.MapBytes); ; mapBytes /= 4 {
		err := guard(func() (err error) {
			f.db, err = bolt.Open(path, 0o600, &bolt.Options{
				PageSize:        pageSize,
				InitialMmapSize: int(mapBytes),
				FreelistType:    bolt.FreelistMapType,
				OpenFile: func(name string, flag int, mode os.FileMode) (file *os.File, err error) {
					f.handle, err = os.OpenFile(name, flag, mode)
					return f.handle, err
				},
			})
			return err
		})
		switch {
		case err == nil:
			return f.measureMap(mapBytes)
		case errors.Is(err, ErrDamaged):
			return errors.Join(err, f.handle.Close()) // bbolt panicked and left it open
		case !noAddressSpace(err) || mapBytes < 1<<20:
			return err
		}
		opt.Logger.Warn("the store gets less address space than asked for: "+
			"reads wait for writes whenever the file outgrows it; "+
			"raise the limit on address space (ulimit -v)", "path", path, "asked_bytes", mapBytes, "error", err)
	}
}

// addressSpace is what to ask for: nothing where mapping would lengthen the file, or where addresses are short.
func addressSpace(want int64) int64 {
	if runtime.GOOS == "windows" || bits.UintSize == 32 {
		return 0
	}
	return max(want, 0)
}

// growStep is the bytes by which the file grows ahead of what is stored; each step costs an fsync.
const growStep = 4 << 20

// measureMap notes how far the file can grow before bbolt maps it anew.
func (f *file) measureMap(asked int64) error {
	info, err := f.handle.Stat()
	if err != nil {
		return errors.Join(err, f.db.Close())
	}
	f.mapped = max(asked, info.Size())
	f.db.AllocSize = growStep
	return nil
}

// close ends the file; it waits for its readers. After a panic inside bbolt it only gives the descriptor back.
func (f *file) close() error {
	if f.broken {
		return f.handle.Close()
	}
	return f.db.Close()
}

// builder writes a new papers.db that nobody else sees yet: an empty one, a compacted one or a restored one.
type builder struct {
	f     *file
	path  string
	tx    *bolt.Tx
	in    [len(buckets)]*bolt.Bucket
	bytes int
	order bool // keys come in ascending order
	done  bool // the file is in use elsewhere
}

// builderChunk is the bytes that one transaction of a builder takes.
const builderChunk = 32 << 20

// newBuilder replaces what is at path. ordered: keys of each bucket will come mostly in ascending order.
func newBuilder(path string, opt Options, ordered bool) (*builder, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	b := &builder{f: new(file), path: path, order: ordered}
	if err := b.f.open(path, opt); err != nil {
		return nil, err
	}
	b.f.db.NoSync, b.f.db.NoGrowSync = true, true // finish syncs once
	if err := b.begin(); err != nil {
		return nil, errors.Join(err, b.f.close())
	}
	return b, nil
}

// begin starts the next transaction.
func (b *builder) begin() error {
	tx, err := b.f.db.Begin(true)
	if err != nil {
		return err
	}
	b.tx, b.bytes = tx, 0
	for i, name := range buckets {
		if b.in[i], err = tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
		if b.order || i != inIDs {
			b.in[i].FillPercent = 1 // what is built in key order stays full
		}
	}
	return nil
}

// put stores one record, in ascending order of keys of its bucket where the file is to be dense.
func (b *builder) put(bucket int, key, value []byte) error {
	if err := b.in[bucket].Put(key, value); err != nil {
		return err
	}
	return b.count(len(key) + len(value))
}

// remove deletes one record where it exists.
func (b *builder) remove(bucket int, key []byte) error {
	if err := b.in[bucket].Delete(key); err != nil {
		return err
	}
	return b.count(len(key))
}

func (b *builder) count(n int) error {
	if b.bytes += n; b.bytes < builderChunk {
		return nil
	}
	return b.commit()
}

// commit ends the transaction and starts the next.
func (b *builder) commit() error {
	if err := b.tx.Commit(); err != nil {
		return err
	}
	return b.begin()
}

// flush makes durable what is there so far.
func (b *builder) flush() error {
	if err := b.commit(); err != nil {
		return err
	}
	return b.f.handle.Sync()
}

// abort gives up and removes the file.
func (b *builder) abort() error {
	err := b.tx.Rollback()
	if errors.Is(err, bolterrors.ErrTxClosed) {
		err = nil
	}
	return errors.Join(err, b.f.close(), os.Remove(b.path))
}

// complete writes format and state and makes the whole file durable. It stays open.
func (b *builder) complete(st *state) error {
	if err := b.in[inMeta].Put(keyFormat, encodeFormat()); err != nil {
		return err
	}
	if err := b.in[inMeta].Put(keyState, st.encode()); err != nil {
		return err
	}
	if err := b.tx.Commit(); err != nil {
		return err
	}
	if err := b.f.handle.Sync(); err != nil {
		return err
	}
	b.f.db.NoSync, b.f.db.NoGrowSync = false, false
	return nil
}

// finish completes and closes.
func (b *builder) finish(st *state) error {
	return errors.Join(b.complete(st), b.f.close())
}

// begins records the lineage of a state from a revision on: of a new store, or of a restored one.
func (b *builder) begins(st *state, revision uint64) error {
	key := number(revision)
	return b.put(inLineages, key, encodeLineage(key, st.lineage))
}
