// Package profile keeps what people like, dislike, have read and were shown: events, and what they add up to.
//
// An event says one thing about one paper at one time, and has an id. Events may come late, twice, or in any order:
// what a profile is depends on the set of its events alone.
//
//   - The first event recorded under an id stays; the same id again changes nothing.
//   - Of LIKE, DISLIKE and NOT_INTERESTED about one paper the latest counts, by the event's own time; of two at the
//     same time the one with the greater id.
//   - READ and SHOWN say that a paper was seen, beside what is thought of it.
//   - UNDO takes an event back, whichever of the two comes first.
//
// Papers are named by their ids. A profile does not change when a paper is deleted: should it come back, it counts
// again.
package profile
