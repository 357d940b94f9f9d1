package admit

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPatienceEndsForEachByItself, in time that passes when everyone waits for it.
func TestPatienceEndsForEachByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 10 * time.Second
		p := &patience{most: most}
		start := time.Now()
		var mu sync.Mutex
		late := make(map[int][]time.Duration) // by number, since the start
		waits := make([]wait, 6)
		begin := func(i int) {
			p.begin(&waits[i], func() {
				mu.Lock()
				defer mu.Unlock()
				late[i] = append(late[i], time.Since(start))
			})
		}
		for i := range 4 {
			begin(i)
			time.Sleep(time.Second)
		}
		p.end(&waits[0])
		p.end(&waits[2])
		time.Sleep(2 * most)
		p.end(&waits[1]) // it has been late
		begin(4)         // after all are gone
		time.Sleep(most / 2)
		begin(5)
		p.end(&waits[4])
		time.Sleep(2 * most)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		want := map[int][]time.Duration{1: {11 * time.Second}, 3: {13 * time.Second}, 5: {39 * time.Second}}
		for i := range waits {
			if !slices.Equal(late[i], want[i]) {
				t.Errorf("%d is late at %v, want %v", i, late[i], want[i])
			}
		}
		if p.first != nil || p.last != nil || p.armed {
			t.Error("something waits after all")
		}
	})
}

// TestPatienceOfMany ends waits while others begin and are late.
func TestPatienceOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &patience{most: time.Second}
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				time.Sleep(time.Duration(i%50) * 10 * time.Millisecond)
				var w wait
				late := make(chan struct{})
				begun := time.Now()
				p.begin(&w, func() { close(late) })
				if i%2 == 0 {
					time.Sleep(time.Duration(i) * 4 * time.Millisecond) // less than the patience
					p.end(&w)
					return
				}
				<-late
				if took := time.Since(begun); took != p.most {
					t.Errorf("late after %v", took)
				}
				p.end(&w)
			})
		}
		all.Wait()
		if p.first != nil || p.last != nil {
			t.Error("something waits after all")
		}
	})
}
