package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
)

// RestoreOptions configure Restore. The zero value refuses to replace a store.
type RestoreOptions struct {
	// Replace allows a store in the folder to be replaced.
	Replace bool
	// Options: LockTimeout, MapBytes, Logger, Hook and Lineage are used. With a Lineage, which must be the backup's, the
	// store goes on with the history of the backup.
	Options
}

// Restore puts the papers and records of a backup into a folder, creating it where it is missing. The backup is read
// to its end into a file beside the store's place, and everything in that file is verified, before it takes that
// place; until then the folder's store stays as it is, and after an error nothing is left behind. Papers keep content,
// times and revisions; the store gets a new lineage and its change log starts behind the restored revision, so nothing
// that was made of it before fits it. ErrLocked when the folder is in use, ErrExists when it holds a store and Replace
// is false, ErrNotBackup, ErrNewerBackup and ErrDamagedBackup.
func Restore(ctx context.Context, r io.Reader, dir string, opt RestoreOptions) (info BackupInfo, err error) {
	opt.Options = opt.withDefaults()
	_, statErr := os.Stat(dir)
	created := errors.Is(statErr, fs.ErrNotExist)
	fd, err := openFolder(dir, opt.LockTimeout)
	if err != nil {
		return info, err
	}
	defer func() {
		err = errors.Join(err, fd.close())
		if err != nil && created { // nobody else has had a reason to use it yet
			_ = os.Remove(filepath.Join(dir, lockName))
			_ = os.Remove(dir)
		}
	}()
	if _, err := os.Lstat(fd.path()); err == nil && !opt.Replace {
		return info, fmt.Errorf("%w: %s: choose another folder, or allow it to be replaced", ErrExists, dir)
	}
	temp := fd.temp("restore")
	if info, err = build(ctx, r, temp, opt.Options); err != nil {
		return info, folderError(dir, err)
	}
	if err := opt.Hook(PointRestoreChecked); err != nil {
		return info, errors.Join(err, os.Remove(temp))
	}
	if err := fd.replace(temp); err != nil {
		return info, folderError(dir, errors.Join(err, removeIfThere(temp)))
	}
	return info, opt.Hook(PointRestoreSwapped)
}

// build writes a backup's papers to a file and verifies it. There is no file after an error.
func build(ctx context.Context, r io.Reader, path string, opt Options) (BackupInfo, error) {
	lineage, err := opt.lineage()
	if err != nil {
		return BackupInfo{}, err
	}
	b, err := newBuilder(path, opt, false)
	if err != nil {
		return BackupInfo{}, errors.Join(err, removeIfThere(path))
	}
	st := state{lineage: lineage, nextOrdinal: 1}
	info, err := ReadBackup(ctx, r, BackupSink{
		Start: func(info BackupInfo) error {
			st.revision, st.oldestLog = info.Revision, info.Revision+1
			if opt.Lineage == (paper.Lineage{}) {
				return b.begins(&st, st.revision)
			}
			if info.Lineage != opt.Lineage {
				return fmt.Errorf("%w: the backup is of lineage %s, not %s", ErrOtherHistory, info.Lineage, opt.Lineage)
			}
			return b.begins(&st, 0)
		},
		Paper:  func(encoded []byte) error { return b.addPaper(&st, encoded) },
		Record: func(id, value []byte) error { return b.addRecord(&st, id, value) },
	})
	return info, finishBuilt(ctx, b, &st, opt, err)
}

// finishBuilt completes a built file, verifies and closes it. There is no file after an error, which may be one from
// before.
func finishBuilt(ctx context.Context, b *builder, st *state, opt Options, err error) error {
	if err == nil {
		err = b.complete(st)
	}
	if err == nil {
		err = checkBuilt(ctx, b)
	}
	if err != nil {
		return errors.Join(err, b.abort())
	}
	if err := b.f.close(); err != nil {
		return errors.Join(err, removeIfThere(b.path))
	}
	opt.VerifyBytes = 1<<63 - 1
	if _, err := verifyFile(b.path, opt); err != nil {
		return errors.Join(err, removeIfThere(b.path))
	}
	return nil
}

// addPaper stores the next paper of a backup under the next ordinal.
func (b *builder) addPaper(st *state, encoded []byte) error {
	p, err := wire.Decode(encoded)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamagedBackup, err)
	}
	m := Mutation{ID: p.ID, Paper: p}
	if err := m.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamagedBackup, err)
	}
	if b.in[inIDs].Get([]byte(p.ID)) != nil || p.Revision == 0 || p.Revision > st.revision {
		return fmt.Errorf("%w: the paper %q occurs twice or has the revision %d of %d", ErrDamagedBackup, p.ID, p.Revision,
			st.revision)
	}
	return b.storePaper(st, p)
}

// storePaper stores a paper under the next ordinal.
func (b *builder) storePaper(st *state, p *paper.Paper) error {
	id := []byte(p.ID)
	ordinal := st.nextOrdinal
	st.nextOrdinal++
	st.count++
	st.digest += pairDigest(id, ordinal)
	st.content += VersionDigest(ordinal, p.Revision)
	if err := b.put(inIDs, id, encodeOrdinal(id, ordinal)); err != nil {
		return err
	}
	return b.putRecords(ordinal, p)
}

// addRecord stores a record of a backup.
func (b *builder) addRecord(st *state, id, value []byte) error {
	id = bytes.Clone(id)
	if b.in[inRecords].Get(id) != nil {
		return fmt.Errorf("%w: the record %x occurs twice", ErrDamagedBackup, id)
	}
	st.records++
	st.recordDigest += recordDigest(id, value)
	return b.put(inRecords, id, seal(bytes.Clone(value), id))
}

// putRecords stores head and abstract.
func (b *builder) putRecords(ordinal uint64, p *paper.Paper) error {
	key := number(ordinal)
	head := wire.AppendStamp(wire.AppendContent(nil, p, false), p)
	if err := b.put(inHeads, key, sealHead(head, len(p.Abstract), key)); err != nil {
		return err
	}
	if p.Abstract == "" {
		return nil
	}
	return b.put(inAbstracts, key, seal([]byte(p.Abstract), key))
}

// checkBuilt runs the invariant check over a complete file.
func checkBuilt(ctx context.Context, b *builder) error {
	v, err := newSnapshot(b.f.db)
	if err != nil {
		return err
	}
	defer v.release()
	return guard(func() error { return v.check(ctx) })
}

// removeIfThere removes a file that may be gone.
func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
