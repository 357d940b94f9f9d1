// Package codes keeps vectors as 12-bit codes, scores them and scans them.
//
// A vector v becomes c = round(2032 v / max|v|), 12 bits a dimension in two planes: a coarse one of a byte a
// dimension, which walks and scans read, and a fine one of half a byte, which is added for the candidates that matter
// (see package vector for the layout). A row's scale is 1/|c|, so that a vector's similarity to itself is 1 whatever
// rounding did. At 256 dimensions the error of a cosine is about .002 from the coarse plane and .00004 from both.
//
// Slots are numbered from 0 in the order of Append. One goroutine appends while any number read: rows are written
// before the length that covers them is published, and never change.
package codes
