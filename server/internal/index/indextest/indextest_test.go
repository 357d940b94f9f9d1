package indextest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// faultVariable names the fault that a child process runs the suite with.
const faultVariable = "AKIN_INDEXTEST_FAULT"

func runReference(t *testing.T, fault string) {
	Run(t, func(_ testing.TB, dims int) index.Searcher { return &reference{dims: dims, fault: fault} },
		Options{Vectors: 100, Recall: 1, Epsilon: 1e-6})
}

func TestAnEngineThatIsRightPasses(t *testing.T) { runReference(t, "") }

// TestAFaultyEngine is the child of TestAnEngineThatIsWrongFails.
func TestAFaultyEngine(t *testing.T) {
	fault, ok := os.LookupEnv(faultVariable)
	if !ok {
		t.Skip("runs as a child of TestAnEngineThatIsWrongFails")
	}
	runReference(t, fault)
}

func TestAnEngineThatIsWrongFails(t *testing.T) {
	for fault, want := range map[string]string{
		"mixes a batch up":            "ABatchAnswersAsItsQueriesDoAlone",
		"takes NaN":                   "BadVectorsAreErrorsAndTakeNoSlot",
		"aliases":                     "VectorsAreScaledAndCopied",
		"ignores cancellation":        "CancelledSearchesStop",
		"finds zero vectors":          "ZeroVectorsAreNeverHits",
		"ignores filters":             "OnlyAcceptedSlotsAreHits",
		"loses vectors":               "ExactSearchesAreExact",
		"finds one too many":          "AnyKIsAnswered",
		"breaks ties by falling slot": "HitsComeByFallingScoreThenRisingSlot",
		"forgets what it is given":    "AnyKIsAnswered",
		"believes headers":            "DamagedBytesAreNoIndex",
		"loads what is cut":           "DamagedBytesAreNoIndex",
		"loses a slot on Load":        "SavedIndexesLoad",
		"loses what is saved later":   "SpansContinueWhatWasSaved",
		"fails its own check":         "AnEmptyIndexFindsNothing",
	} {
		t.Run(strings.ReplaceAll(fault, " ", "_"), func(t *testing.T) {
			t.Parallel()
			child := exec.Command(os.Args[0], "-test.run=^TestAFaultyEngine$/^"+want+"$") //nolint:gosec // this very test
			child.Env = append(os.Environ(), faultVariable+"="+fault)
			out, err := child.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestAFaultyEngine/"+want) {
				t.Errorf("an engine that %s passes %s: %v\n%s", fault, want, err, out)
			}
		})
	}
}
