// Package cputime tells the processor time that this process has used, user and system. Beside other programs on the
// same machine it is a steadier measure than the clock.
package cputime
