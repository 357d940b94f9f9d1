// Package checkpoint keeps a state that can be computed again in a form that loads at the speed of the disk.
//
// A checkpoint is a folder: a file MANIFEST and one file for each named section. The manifest says whose state it is
// (store, model, revision) and has the length of each section and a CRC32C for each of its blocks of 1 MiB, and one for
// itself. Section files hold nothing but what was written to them. docs/checkpoint-format.md has the byte diagrams.
//
//	checkpoints/
//	  checkpoint-00000007/
//	    MANIFEST
//	    graph.section
//	    model.section
//
// Write fills a folder of another name, makes it durable, gives it its name, reads it back against its checksums, and
// only then removes the ones before it. So there is a whole checkpoint or none at every moment, and one of a name that
// List knows was durable before it got the name.
//
// A reader hands out a block only after its checksum was found right, so what comes out of a section is what went in, or
// an error that says what is wrong: the rest of the program needs no defence against damaged bytes, only against its own
// older versions (Meta.Content). No length in a file makes the reader allocate more than the file has bytes.
//
// Several sections may be written and read at once, each by one goroutine.
package checkpoint
