package engine

import (
	"os"
	"testing"
)

// refits is how many papers the policy wants before it counts their words anew; TestMain puts it out of reach.
var refits = refitFrom

// TestMain takes away the background's count of words, which half a second after the last write puts another generation
// in the place of the one that a test looks at. Tests of the policy want it and set refitFrom to refits.
func TestMain(m *testing.M) {
	refitFrom = 1 << 40
	os.Exit(m.Run())
}
