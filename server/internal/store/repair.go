package store

import (
	"errors"
	"fmt"

	"github.com/akin-search/akin/server/internal/paper"
)

// Damage is what Survey found in a folder.
type Damage struct {
	// LastCommit: one of the file's two roots is damaged, so the last commit may be missing from what the other one leads
	// to. False: everything is as it should be.
	LastCommit bool
	Reason     string         // what is wrong; empty when nothing is
	Keeps      paper.Position // the state that is whole
	Papers     uint64         // of that state
}

// ErrBeyondRepair: what is damaged cannot be left out. A backup brings the papers back.
var ErrBeyondRepair = errors.New("the damage cannot be repaired")

// Survey reads the whole store of a folder and says what Repair would give up. It changes nothing. ErrBeyondRepair when
// there is damage that Repair does not mend, and the errors of Open about the folder.
func Survey(dir string, opt Options) (Damage, error) {
	fd, opt, err := lockStore(dir, opt)
	if err != nil {
		return Damage{}, err
	}
	d, err := survey(fd.path(), opt)
	return d, errors.Join(err, fd.close())
}

// Repair gives up what Survey named and makes the store usable, under a lineage of its own: what was made of the lost
// commit does not fit it. A store that is whole stays as it is.
func Repair(dir string, opt Options) (Damage, error) {
	d, err := Survey(dir, opt)
	if err != nil || !d.LastCommit {
		return d, err
	}
	opt.AcceptOlderRoot = true
	s, err := Open(dir, opt) // which writes, and with that replaces the damaged root
	if err != nil {
		return d, err
	}
	return d, s.Close()
}

// lockStore locks a folder that must hold a store.
func lockStore(dir string, opt Options) (*folder, Options, error) {
	opt = opt.withDefaults()
	opt.VerifyBytes = 1<<63 - 1
	if err := holdsStore(dir); err != nil {
		return nil, opt, err
	}
	fd, err := openFolder(dir, opt.LockTimeout)
	return fd, opt, err
}

// survey verifies the file, at the older root where it must be.
func survey(path string, opt Options) (Damage, error) {
	opt.AcceptOlderRoot = false
	found, err := verifyFile(path, opt)
	var reason string
	if errors.Is(err, errOlderRoot) {
		reason = err.Error()
		opt.AcceptOlderRoot = true
		found, err = verifyFile(path, opt)
	}
	if errors.Is(err, ErrDamaged) {
		return Damage{}, fmt.Errorf("%w: %w", ErrBeyondRepair, err)
	}
	if err != nil {
		return Damage{}, err
	}
	return Damage{
		LastCommit: found.olderRoot,
		Reason:     reason,
		Keeps:      paper.Position{Revision: found.state.revision, Lineage: found.state.lineage},
		Papers:     found.state.count,
	}, nil
}
