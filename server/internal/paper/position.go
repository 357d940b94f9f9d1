package paper

import (
	"encoding/hex"
	"fmt"
)

// Lineage names the process life that wrote a revision: 16 random bytes.
type Lineage [16]byte

// String is 32 lower-case hex digits.
func (l Lineage) String() string { return hex.EncodeToString(l[:]) }

// ParseLineage reads what String writes.
func ParseLineage(s string) (Lineage, error) {
	var l Lineage
	if len(s) != 2*len(l) {
		return l, fmt.Errorf("a lineage has %d hex digits, this one %d characters", 2*len(l), len(s))
	}
	if _, err := hex.Decode(l[:], []byte(s)); err != nil {
		return l, fmt.Errorf("a lineage has %d hex digits: %w", 2*len(l), err)
	}
	return l, nil
}

// Position is a revision in one history.
type Position struct {
	Revision uint64
	Lineage  Lineage // of the life that wrote Revision
}

// String is for messages.
func (p Position) String() string {
	return fmt.Sprintf("revision %d of lineage %s", p.Revision, p.Lineage)
}
