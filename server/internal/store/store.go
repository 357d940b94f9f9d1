package store

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/semaphore"

	"github.com/akin-search/akin/server/internal/paper"
)

// Store keeps the papers of one folder. Its methods are safe for concurrent use.
type Store struct {
	opt     Options
	folder  *folder
	lineage paper.Lineage  // of what this process writes
	opened  paper.Position // of the last revision that was there before

	snap   atomic.Pointer[snapshot] // nil only while the gate is locked, and after Close
	gate   sync.RWMutex             // locked while there is no snapshot
	closed bool                     // under gate

	queue queue
	room  *semaphore.Weighted // bytes left in the queue
	done  chan struct{}       // closed when the committer has returned

	failure atomic.Pointer[error] // why writes are refused for good
	full    atomic.Pointer[error] // why they are refused until there is space
	maxFile atomic.Int64          // file bytes, as of the last commit

	// Of the committer alone.
	file     *file
	state    state
	shadow   *shadow
	retiring sync.WaitGroup // files that wait for their last reader, and the wait for space
}

// Open opens the store of a folder, creating both where they are missing.
func Open(dir string, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	lineage, err := opt.lineage()
	if err != nil {
		return nil, err
	}
	fd, err := openFolder(dir, opt.LockTimeout)
	if err != nil {
		return nil, err
	}
	s := &Store{
		opt: opt, folder: fd, lineage: lineage, room: semaphore.NewWeighted(opt.QueueBytes), done: make(chan struct{}),
	}
	s.queue.ready = make(chan struct{}, 1)
	if err := s.open(); err != nil {
		close(s.done) // ends the wait for space, where opening began one
		s.retiring.Wait()
		return nil, errors.Join(folderError(dir, err), fd.close())
	}
	go s.commitLoop()
	return s, nil
}

// open opens the file, finds the state and removes what an earlier process left.
func (s *Store) open() error {
	path := s.folder.path()
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		if err := s.create(); err != nil {
			return fmt.Errorf("creating %s: %w", path, err)
		}
	}
	f, err := openFile(path, s.opt)
	if err != nil {
		return err
	}
	s.file = f
	err = guard(func() error {
		v, err := newSnapshot(f.db)
		if err != nil {
			return err
		}
		s.state = v.state
		if opt := s.opt.Lineage; opt != (paper.Lineage{}) && opt != v.state.lineage {
			v.release()
			return fmt.Errorf("%w: its papers are of lineage %s, not %s", ErrOtherHistory, v.state.lineage, opt)
		}
		s.opened = paper.Position{Revision: v.state.revision, Lineage: v.state.lineage}
		s.publish(v)
		return nil
	})
	if err == nil && f.olderRoot {
		err = s.update(func(w *writer) error { return w.enter() })
	}
	if err == nil {
		err = s.collectLeftovers()
		if (errors.Is(err, ErrReadOnly) || errors.Is(err, ErrDiskFull)) && !errors.Is(err, ErrDamaged) {
			err = nil // a full disk: what is there can be read
		}
	}
	if err != nil {
		if v := s.snap.Swap(nil); v != nil {
			v.release()
		}
		return errors.Join(err, f.close())
	}
	s.noteSize()
	return nil
}

// create writes an empty store beside its place and moves it there, so that a file of that name is always whole.
func (s *Store) create() error {
	st := state{lineage: s.lineage, nextOrdinal: 1, oldestLog: 1}
	temp := s.folder.temp("new")
	b, err := newBuilder(temp, s.opt, true)
	if err != nil {
		return err
	}
	if err := b.begins(&st, 0); err != nil {
		return errors.Join(err, b.abort())
	}
	if err := b.finish(&st); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return s.folder.replace(temp)
}

// collectLeftovers removes superseded records: nobody can have asked for them yet.
func (s *Store) collectLeftovers() error {
	for s.state.superseded > 0 {
		before := s.state.superseded
		err := s.update(func(w *writer) error { return w.collect(w.state.revision, collectChunk) })
		if err != nil {
			return err
		}
		if s.state.superseded == before {
			return damagedf("the state counts %d superseded records, the bucket has none", before)
		}
	}
	return nil
}

// Close commits what was submitted, ends the committer and gives the folder up. Reads and writes fail with ErrClosed
// from then on; running reads are waited for.
func (s *Store) Close() error {
	if !s.queue.close() {
		<-s.done
		return nil
	}
	<-s.done
	s.gate.Lock()
	s.closed = true
	v := s.snap.Swap(nil)
	s.gate.Unlock()
	if v != nil {
		v.release()
	}
	s.retiring.Wait()
	return errors.Join(s.file.close(), s.folder.close())
}

// Writable is nil while the store takes writes, else an ErrReadOnly or ErrDiskFull that wraps the cause.
func (s *Store) Writable() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	if err := s.full.Load(); err != nil {
		return *err
	}
	return nil
}

// durable is the state of the newest snapshot, or the zero state after Close.
func (s *Store) durable() state {
	v, err := s.acquire()
	if err != nil {
		return state{}
	}
	defer v.release()
	return v.state
}

// Revision is the last durable revision, 0 before the first write.
func (s *Store) Revision() uint64 { return s.durable().revision }

// Content is a digest of what is live: the sum over all live papers of VersionDigest. Two states of one history with
// the same digest hold the same papers.
func (s *Store) Content() uint64 { return s.durable().content }

// Count is the number of live papers.
func (s *Store) Count() int { return int(s.durable().count) }

// OldestLog is the first revision that Log still has, Revision()+1 when it has none.
func (s *Store) OldestLog() uint64 { return s.durable().oldestLog }

// Size is the bytes of the file on disk.
func (s *Store) Size() int64 { return s.maxFile.Load() }

// noteSize remembers the size of the file.
func (s *Store) noteSize() {
	if info, err := os.Stat(s.folder.path()); err == nil {
		s.maxFile.Store(info.Size())
	}
}

// Space says what the file's bytes are for.
type Space struct {
	File   int64 // bytes on disk
	Free   int64 // of pages to be written again, which Compact gives back
	Pinned int64 // of pages that a running Backup keeps from being free
	List   int64 // of the list of free pages, which every commit writes anew, however small it is
}

// Space reports the use of the file as of the last commit.
func (s *Store) Space() Space {
	v, err := s.acquire()
	if err != nil {
		return Space{File: s.Size()}
	}
	defer v.release()
	return spaceOf(v.tx.DB(), s.Size())
}

func spaceOf(db *bolt.DB, size int64) Space {
	st := db.Stats()
	return Space{
		File: size, Free: int64(st.FreePageN) * pageSize, Pinned: int64(st.PendingPageN) * pageSize,
		List: int64(st.FreelistInuse),
	}
}
