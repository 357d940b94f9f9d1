// Package client is the Go SDK of Akin: papers go in, the nearest papers come out.
//
//	c, err := client.Dial("127.0.0.1:7700")
//	if err != nil { ... }
//	defer c.Close()
//
//	_, err = c.Upsert(ctx, &client.Paper{Id: "1706.03762", Title: "Attention Is All You Need"})
//	result, err := c.Search(ctx, "sequence models without recurrence", client.Limit(5))
//	for _, hit := range result.Hits {
//		fmt.Println(hit.Score, hit.Paper.Title)
//	}
//
// A Client is one connection, shared by any number of goroutines. Papers, hits and statistics are the messages of the
// contract in proto/akin/v1, under shorter names, so nothing is copied on the way.
//
// # Errors
//
// Every error of a call is an [*Error], which carries the status code, the server's reason and the fields at fault.
// Compare with errors.Is and the sentinels of this package, such as [ErrNotFound]; errors.Is with [context.Canceled]
// and [context.DeadlineExceeded] works as well.
//
// # Retries
//
// Calls that are safe to repeat are repeated when the server cannot be reached or is busy: reads, searches, and writes
// of a whole paper, which are no-ops the second time. While a server that has answered before is away, they go on
// trying until their deadline, which is 30 s unless [WithTimeout] or the context say otherwise, and for [CallPatience]
// at most: a restart passes unseen, and [OnWait] tells of it. A wait that the server asks for (google.rpc.RetryInfo) is
// kept. Delete, Purge with force and Train are sent once. Import has its own way: it keeps what is not acknowledged and
// sends it again on a new stream.
//
// # Deadlines
//
// A call whose context has no deadline gets the one of [WithTimeout]. Streams (Import, Export, Train, Backup) and the
// calls that read everything (Purge, Duplicates, EvaluateRecall) have none but the caller's.
package client
