// Package filter turns AIP-160 filter strings into bitmaps of slots.
//
//	categories:cs.LG AND publish_time >= 2020-01-01
//	(attributes.venue = "ICML" OR attributes.venue = "NeurIPS") AND NOT authors:"A. Author"
//	attributes.citations > 100 AND attributes.open_access = true
//	-id = "1706.03762" AND attributes:code
//
// # Fields
//
//	id                text          = != < <= > >= :
//	categories        list of text  :
//	authors           list of text  :
//	publish_time      time          = != < <= > >= :
//	attributes        names         :   (papers that have the attribute)
//	attributes.NAME   any kind      = != < <= > >= :
//
// A name that is more than letters, digits, _ and dots is quoted: attributes."impact factor" > 3.
//
// # Meaning
//
// FIELD:VALUE on a list is true when the list holds the value; on a single field it means the same as =. FIELD:* is
// true when the field is set. FIELD:(A OR B) and FIELD = (A OR B) are short for one condition each. Text compares byte
// by byte and is never matched in part. The value of an attribute decides how it is compared: a number with a number,
// in quotes or not, a boolean with true or false, text with what is written; a bare number has no order among texts. A
// condition on a field that a paper lacks is false. != is NOT =, so it is true of papers that lack the field.
//
// OR binds tighter than AND, as AIP-160 has it; NOT and - bind tightest. Conditions side by side without AND or OR are
// an error, because AIP-160 leaves their meaning open.
//
// Times are RFC 3339 or a date (midnight UTC), quoted or bare: 2024-05-01T12:00:00+02:00, "2024-05-01",
// timestamp("2024-05-01T12:00:00Z"). Values with other characters than letters, digits, _ and dots are quoted.
//
// # Use
//
// Parse checks and compiles a string once; the Filter is immutable and may be evaluated any number of times, against
// any Columns, from many goroutines. Columns holds the fields of every paper by slot: inverted lists from each text to
// its slots, and arrays in order of slots for numbers, times and ids. Eval answers for the slots there are at that
// moment. It knows nothing of deletes: an engine intersects the answer with its live slots.
package filter
