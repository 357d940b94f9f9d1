package main

import (
	"math"
	"testing"
)

func TestServersAreComparedRoundByRound(t *testing.T) {
	var first, second []float64
	for round := range 40 {
		speed := 1000 + 400*math.Sin(float64(round)) // of the machine
		first = append(first, speed)
		second = append(second, .97*speed)
	}
	second[7] = 1 // something else took the core
	rows := compare([]string{"a", "b"}, [][]float64{first, second})
	if rows[0].Ratio != 1 || math.Abs(rows[1].Ratio-.97) > 1e-9 || rows[1].Error > 1e-6 {
		t.Errorf("compared as %+v", rows)
	}
	if rows[0].Rate < 900 || rows[0].Rate > 1100 {
		t.Errorf("the median is %v", rows[0].Rate)
	}
}
