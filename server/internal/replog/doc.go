// Package replog is the log that puts the writes of many nodes into one order: a stream of NATS JetStream with three
// replicas, kept by servers that run inside the nodes.
//
// # The log
//
// A write is one message, whatever it holds: a batch is whole or absent because a message is. The stream numbers
// messages without gaps, and every node applies them in that order to what it holds, so nodes that are at one number
// hold the same. Nothing is decided by the log: it carries bodies that package engine makes and reads.
//
// # Messages
//
//	+--------+-----+---------+------+--------------------+----------+------------+------+
//	| format | CRC | lineage | time | anchor: seq, chain | length   | request id | body |
//	+--------+-----+---------+------+--------------------+----------+------------+------+
//
// CRC is the CRC32C of what follows it. The lineage names the log: it is drawn when the stream is made. time is that of
// the node that took the write, and the one that all nodes store.
//
// # The chain
//
// A node computes a digest over all messages in order: chain(n) = SHA-256(chain(n-1), n, message n), cut to 16 bytes.
// Publishers work at the same time, so none knows the message before its own. Each therefore names the newest message
// whose chain it knows, its anchor, and every node compares that with what it has computed itself. So two nodes that
// read different messages under one number find out with the next message of either.
//
// # Following
//
// Messages are read from the replica of this node by number (a direct get), so reading needs no other node. A hole, a
// message that does not match its checksum and one whose anchor differs are never passed over: the message is read
// from the other replicas, and a node that cannot get it stops and says so. The Mark of what was applied (number and
// chain) is stored by the caller with the data that the message made, in one transaction.
//
// # Durability
//
// A message is acknowledged once two of three replicas have it on disk, synced: nats-server's default syncs every two
// minutes and loses what a power failure catches in between. SyncAlways is set in code and there is no setting for it.
//
// # Files
//
//	message.go    encoding and decoding of messages; chain.go the digests
//	node.go       the server inside the node, and server_log.go what it says; keys.go the authority that nodes know
//	              one another by
//	stream.go     making the stream, and refusing one that is set up otherwise
//	log.go        Log: opened and closed here; append.go writes to it, follow.go reads it, heal.go
//	              reads elsewhere what cannot be read here, trim.go shortens it
//	members.go    what nodes tell one another: how far they are, and leases; backups.go hands papers to a node
//	              without; ask.go has another node do long work
package replog
