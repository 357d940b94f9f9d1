// Package store keeps papers on disk: every acknowledged write survives the death of the process or of the machine.
//
// # Records
//
// A paper's id is the caller's. Each version of its content gets an ordinal, from 1 and never used again, under which
// it stays until its successor has been around for long enough (Collect). Each write gets the next revision, and the
// change log says for each revision which ordinal gave way to which. So whoever holds ordinals (an index) can look
// papers up while newer ones come in, and whoever holds a revision (a checkpoint) can learn what came after it.
//
// # Files
//
// A folder holds papers.db, a go.etcd.io/bbolt file, and lock, which the one process that may use the folder holds.
// Buckets of papers.db:
//
//	meta        "format" -> format version;  "state" -> lineage, last revision, next ordinal, counts
//	ids         id -> ordinal                       the live papers
//	heads       ordinal -> akin.v1.Paper            without its abstract: what a search reads of ten papers
//	abstracts   ordinal -> text
//	log         revision -> old ordinal, new ordinal, id
//	superseded  revision -> ordinal                 versions to remove when nobody needs them
//	lineages    revision -> lineage                 which process life wrote from there on
//	records     table, key -> value                 what others keep beside the papers
//
// Every value ends in a CRC32C over itself and its key, so what is read is what was written or is an error
// (ErrDamaged).
//
// # Writing
//
// Submit puts an all-or-none batch on a bounded queue. One committer goroutine takes whatever waits, up to a bound of
// bytes, into one transaction with one fsync (group commit). A batch that fails, because it deletes an unknown id,
// fails alone. When the disk fails, the store stops taking writes for good (ErrReadOnly) and goes on serving reads:
// after a failed fsync nobody can know what the disk holds, so trying again would be a guess. When the disk is full,
// writes fail (ErrDiskFull) until there is space again, which is looked for every second.
//
// # Reading
//
// All reads go through one shared read transaction, the snapshot, that the committer replaces after each fsync. So a
// reader never sees what is not durable yet, takes no lock, and when a write fails the last durable state stays there
// to be read. bbolt calls transactions unsafe for concurrent use; for read-only ones of the version in go.mod that is
// more careful than needed, since they change nothing but atomic counters, and the tests hold it under the race
// detector. A snapshot pins the pages it shows: every call here reads at most some thousand records of one, except
// Backup.
//
// # What is detected
//
// Open verifies the roots, the size of the file, and all pages and records of a file up to Options.VerifyBytes. Later
// damage to records is detected by their checksums, and a page that makes no sense, or that the system cannot read at
// all (SIGBUS of a mapped file), becomes ErrDamaged instead of a crash. What cannot be guarded: a file that changes
// under a running server so that its page structure stays plausible but leads elsewhere, in which case a paper may be
// missed by a read; Check finds that. Everything not reachable, such as free pages, is not verified because it is
// never read.
package store
