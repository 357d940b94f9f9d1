package main

import "runtime"

// spareProcessor gives the scheduler of Go one processor more than there are cores, and returns the cores. When long
// work keeps every processor busy, Go looks at the network once in 10 ms; with one more there is always a thread that
// waits for the network, and the system's scheduler wakes it in the midst of long work. What the environment says in
// GOMAXPROCS is the number of cores.
func spareProcessor() (cores int) {
	cores = runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(cores + 1)
	return cores
}
