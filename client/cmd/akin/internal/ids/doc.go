// Package ids keeps different papers apart that come under one id, so that an import never replaces one by the other.
//
// What an id is worth is told by its source.IDKind:
//
//   - GlobalID goes in as it is. A later record under it is the same paper.
//   - CorpusID goes in as it is too. Another paper under it in one import is a *Conflict.
//   - OwnID is compared with this import and with what is stored. Another paper under it is a *Conflict.
//   - LocalID is compared in the same way. Another paper under it gets a suffix made from its content.
//
// Two records are the same paper (same) unless their DOIs differ, their titles have little in common, or, where no DOI
// says that they are one, their abstracts have little in common.
//
// # Order
//
// Records with an OwnID or a LocalID are gathered, up to a bound, before any is passed on, and of those under one id
// that are the same paper the fullest goes in. The paper that has the id in the store keeps it; where there is none,
// the order of content hashes decides. So files give the same papers in whatever order they are named, and again and
// again.
//
// # Memory
//
// A Resolver keeps 56 bytes and the overhead of a map for each id, of at most MaxKnown ids with a GlobalID or
// CorpusID, and at most MaxGathered bytes of gathered papers.
package ids
