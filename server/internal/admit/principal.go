package admit

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"

	"github.com/akin-search/akin/server/internal/filter"
)

// Role is what a principal may do. Roles are apart: Admin does not include Write, nor Write Read.
type Role uint8

// The roles. A principal's are or-ed together.
const (
	Read  Role = 1 << iota // find, get, list, export, explain, count
	Write                  // upsert, import, delete
	Admin                  // purge, train, back up
)

// AllRoles is what a principal without restrictions has.
const AllRoles = Read | Write | Admin

var roleNames = []string{"read", "write", "admin"}

// String lists the roles' names with commas.
func (r Role) String() string {
	var names []string
	for i, name := range roleNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// ParseRole is the role of one name.
func ParseRole(name string) (Role, error) {
	for i, known := range roleNames {
		if name == known {
			return 1 << i, nil
		}
	}
	return 0, fmt.Errorf("%q is no role: use %s", name, strings.Join(roleNames, ", "))
}

// Principal is who calls. It does not change; a change in the tokens file makes a new one, with the same account.
type Principal struct {
	// Name as the tokens file has it; empty for everyone on a server without tokens.
	Name string
	// Roles it has.
	Roles Role
	// Filter that every paper it sees must pass; nil: none.
	Filter *filter.Filter

	expires time.Time // zero: never
	account *account
}

// account is what a principal uses, kept when the tokens file is read again.
type account struct {
	calls   atomic.Int64  // in flight
	bytes   atomic.Int64  // of its messages in the budget
	limiter *rate.Limiter // nil: any rate
	perSec  float64
	limited error // what a call beyond that is told
}

// newAccount allows perSec calls a second, and a second's worth at once; 0: any number.
func newAccount(perSec float64) *account {
	a := &account{perSec: perSec}
	if perSec > 0 {
		a.limited = Refuse(codes.ResourceExhausted, ReasonRateLimited, "this principal makes more calls a second than it may",
			max(time.Millisecond, seconds(1/perSec)))
		a.limiter = rate.NewLimiter(rate.Limit(perSec), max(1, int(perSec)))
	}
	return a
}

// Everyone is the principal of each caller of a server without tokens.
var Everyone = &Principal{Roles: AllRoles, account: newAccount(0)}

// NewPrincipal is a principal without expiry and rate.
func NewPrincipal(name string, roles Role, f *filter.Filter) *Principal {
	return &Principal{Name: name, Roles: roles, Filter: f, account: newAccount(0)}
}

// PrincipalOf is who makes a call: whatever belongs to someone (profiles, subscriptions) belongs to its name. Outside
// of a call it is Everyone.
func PrincipalOf(ctx context.Context) *Principal {
	if call := callOf(ctx); call != nil && call.Principal != nil {
		return call.Principal
	}
	return Everyone
}
