// Package checkpoint keeps a state that can be computed again in a form that loads at the speed of the disk, and the
// models that the state was computed with.
//
// A checkpoint is a base and the segments behind it, each of which extends the part before. A part is a folder: a file
// MANIFEST and one file for each named section. The manifest says whose state it is (lineage, model, revision), which
// part it extends, and has the length of each section and a CRC32C for each of its blocks of 1 MiB, and one for
// itself. Section files hold nothing but what was written to them. docs/checkpoint-format.md has the byte diagrams.
//
//	checkpoints/
//	  checkpoint-00000007/        a base
//	    MANIFEST
//	    slots.section
//	    words.section
//	  checkpoint-00000008/        a segment
//	models/
//	  model-00000003
//
// WriteBase and Extend fill a folder of another name, make it durable, give it its name and read it back against its
// checksums; only then does a base remove the parts before it. So there is a whole part more or none at every moment,
// and one of a name that List knows was durable before it got the name.
//
// Open follows the chain from the newest base as far as each segment is whole and extends the one before. A reader
// hands out a block only after its checksum was found right, so what comes out of a section is what went in, or an
// error that says what is wrong: the rest of the program needs no defence against damaged bytes, only against its own
// older versions (Meta.Content). No length in a file makes the reader allocate more than the file has bytes.
//
// Several sections may be written and read at once, each by one goroutine.
package checkpoint
