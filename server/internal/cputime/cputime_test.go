package cputime

import "testing"

func TestWorkTakesTime(t *testing.T) {
	before, x := Used(), uint64(1)
	for Used() == before { // until the system has counted some
		for range 1_000_000 {
			x = x*6364136223846793005 + 1
		}
	}
	if x == 0 || Used() < before {
		t.Errorf("%s after %s", Used(), before)
	}
}
