package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/akin-search/akin/server/internal/paper"
)

// Damage is what Survey found in a folder. Of LastCommit and Pages at most one is set; neither: the store is whole.
type Damage struct {
	// LastCommit: one of the file's two roots is damaged, so the last commit may be missing from what the other one leads
	// to.
	LastCommit bool
	// Pages: what can be read of a file whose pages are damaged; nil: they are not.
	Pages  *Salvage
	Reason string         // what is wrong; empty when nothing is
	Keeps  paper.Position // the state that is whole; zero with Pages
	Papers uint64         // of that state
	Aside  string         // where Repair kept the damaged file; empty where it replaced none
}

// ErrBeyondRepair: nothing can be read. A backup brings the papers back.
var ErrBeyondRepair = errors.New("the damage cannot be repaired")

// Survey reads the whole store of a folder and says what Repair would give up. It changes nothing. ErrBeyondRepair when
// no paper can be read, and the errors of Open about the folder.
func Survey(ctx context.Context, dir string, opt Options) (Damage, error) {
	fd, opt, err := lockStore(dir, opt)
	if err != nil {
		return Damage{}, err
	}
	d, err := survey(fd.path(), opt)
	return d, errors.Join(err, fd.close())
}

// Repair gives up what Survey named and makes the store usable, under a lineage of its own: what was made of the lost
// state does not fit it. A store that is whole stays as it is. Where pages are damaged, what can be read becomes a new
// file, which is verified before it takes the place of the damaged one; that one stays beside it, under the name
// that Damage.Aside says.
func Repair(ctx context.Context, dir string, opt Options) (Damage, error) {
	fd, opt, err := lockStore(dir, opt)
	if err != nil {
		return Damage{}, err
	}
	d, err := survey(fd.path(), opt)
	if err == nil && d.Pages != nil {
		err = salvageFolder(ctx, fd, &d, opt)
	}
	if err = errors.Join(err, fd.close()); err != nil || !d.LastCommit {
		return d, err
	}
	opt.AcceptOlderRoot = true
	s, err := Open(dir, opt) // which writes, and with that replaces the damaged root
	if err != nil {
		return d, err
	}
	return d, s.Close()
}

// salvageFolder replaces a damaged file by what can be read of it.
func salvageFolder(ctx context.Context, fd *folder, d *Damage, opt Options) error {
	temp := fd.temp("repair")
	pages, err := rebuildFrom(ctx, fd.path(), temp, opt)
	if err != nil {
		return folderError(fd.dir, err)
	}
	d.Pages = &pages
	if d.Aside, err = keepAside(fd.path()); err != nil {
		return folderError(fd.dir, errors.Join(err, removeIfThere(temp)))
	}
	if err := fd.replace(temp); err != nil {
		return folderError(fd.dir, errors.Join(err, removeIfThere(temp)))
	}
	return nil
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
		pages, fault := surveyPages(path)
		if fault == nil && pages.Papers == 0 {
			fault = errNothingLeft
		}
		if fault != nil {
			return Damage{}, fmt.Errorf("%w: %w: %w", ErrBeyondRepair, fault, err)
		}
		return Damage{Pages: &pages, Reason: err.Error()}, nil
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
