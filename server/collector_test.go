package main

import "testing"

func TestGarbageIsAShareOfWhatIsAliveUpToWhatTwoSecondsMake(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		alive, made uint64 // MiB
		want        int
	}{
		{0, 0, 50}, {90, 0, 50}, {96, 1000, 50}, // half of what is alive is less
		{480, 0, 10}, {4800, 10, 1}, {1 << 20, 10, 1}, // the least
		{500, 50, 20}, {1000, 50, 10}, // two seconds
		{768, 1000, 25}, {19200, 1000, 1}, // the most
	} {
		if got := garbagePercent(test.alive*mib, test.made*mib); got != test.want {
			t.Errorf("%d MiB alive, %d made a second: %d %%, want %d", test.alive, test.made, got, test.want)
		}
	}
}
