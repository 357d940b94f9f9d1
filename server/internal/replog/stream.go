package replog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/akin-search/akin/server/internal/paper"
)

// ErrSetup: the stream is not set up as a log must be.
var ErrSetup = errors.New("the stream is not set up as the log of a cluster must be")

const (
	replicas        = 3
	duplicateWindow = 2 * time.Minute
	lineageKey      = "akin-lineage" // of the stream's metadata
)

// streamName is the stream of a cluster's log.
func streamName(cluster string) string { return "AKIN_" + cluster }

// Subjects of a cluster. All but the log's are for messages that nobody keeps.
func logSubject(cluster string) string  { return "akin." + cluster + ".log" }
func wakeSubject(cluster string) string { return "akin." + cluster + ".wake" } // numbers of new messages
func nodeSubject(cluster, node string) string {
	return "akin." + cluster + ".node." + node
}

// streamConfig is how a log is set up.
func streamConfig(cluster string, maxBytes int64, lineage string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        streamName(cluster),
		Description: "the writes of an Akin cluster in their order",
		Subjects:    []string{logSubject(cluster)},
		Storage:     jetstream.FileStorage,
		Replicas:    replicas,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew, // a full log refuses; it never forgets
		MaxBytes:    maxBytes,
		MaxMsgSize:  MaxMessage,
		Duplicates:  duplicateWindow,
		AllowDirect: true,
		DenyDelete:  true,
		RePublish: &jetstream.RePublish{
			Source: logSubject(cluster), Destination: wakeSubject(cluster), HeadersOnly: true,
		},
		Metadata: map[string]string{lineageKey: lineage},
	}
}

// checkStream refuses a stream that could lose, reorder or forget messages.
func checkStream(cluster string, have *jetstream.StreamConfig) error {
	want := streamConfig(cluster, have.MaxBytes, "")
	for _, c := range []struct {
		what string
		ok   bool
	}{
		{"it must have the subject " + want.Subjects[0] + " alone",
			len(have.Subjects) == 1 && have.Subjects[0] == want.Subjects[0]},
		{"it must be kept in files", have.Storage == want.Storage},
		{fmt.Sprintf("it must have %d replicas or more, not %d", replicas, have.Replicas), have.Replicas >= replicas},
		{"it must be kept by limits, not by interest or work", have.Retention == want.Retention},
		{"a full one must refuse new messages, not forget old ones", have.Discard == want.Discard},
		{"it must keep messages however old and many they are",
			have.MaxAge == 0 && have.MaxMsgs <= 0 && have.MaxMsgsPerSubject <= 0},
		{fmt.Sprintf("it must take messages of %d bytes", want.MaxMsgSize),
			have.MaxMsgSize <= 0 || have.MaxMsgSize >= want.MaxMsgSize},
		{"it must know duplicates of two minutes", have.Duplicates >= duplicateWindow},
		{"it must allow direct gets, and no deletion of single messages", have.AllowDirect && have.DenyDelete},
		{"it must be written to by publishers alone", have.Mirror == nil && len(have.Sources) == 0 && !have.Sealed},
		{"messages must be flushed as they come", have.PersistMode == jetstream.DefaultPersistMode && !have.NoAck},
		{"it must tell of new messages on " + want.RePublish.Destination, have.RePublish != nil &&
			have.RePublish.Destination == want.RePublish.Destination},
	} {
		if !c.ok {
			return fmt.Errorf("%w: %s: %s", ErrSetup, have.Name, c.what)
		}
	}
	return nil
}

// openStream finds the log and returns its lineage. create lets it make the log where there is none. It waits until
// there is a quorum of nodes.
func openStream(ctx context.Context, js jetstream.JetStream, c *Config, create bool) (
	jetstream.Stream, paper.Lineage, error,
) {
	told := false
	for limit := firstTry; ; {
		limited, cancel := context.WithTimeout(ctx, limit)
		stream, lineage, err := tryStream(limited, js, c, create)
		if limited.Err() != nil {
			limit = min(2*limit, apiTimeout)
		}
		cancel()
		if err == nil || errors.Is(err, ErrSetup) {
			return stream, lineage, err
		}
		level := slog.LevelDebug
		if c.External != nil && errors.Is(err, nats.ErrNoResponders) && !told { // servers without streams, or that start
			told, level = true, slog.LevelWarn
		}
		c.Logger.Log(ctx, level, "waiting for the log", "cluster", c.Cluster, "reason", err)
		select {
		case <-ctx.Done():
			return nil, paper.Lineage{}, fmt.Errorf("the log of %s cannot be reached: are two of its nodes up? %w", c.Cluster,
				errors.Join(err, context.Cause(ctx)))
		case <-time.After(askAgain):
		}
	}
}

func tryStream(ctx context.Context, js jetstream.JetStream, c *Config, create bool) (
	jetstream.Stream, paper.Lineage, error,
) {
	var lineage paper.Lineage
	stream, err := js.Stream(ctx, streamName(c.Cluster))
	if errors.Is(err, jetstream.ErrStreamNotFound) && create {
		if _, err := rand.Read(lineage[:]); err != nil {
			return nil, lineage, err
		}
		// Nodes that start side by side may all come here: the stream of one is made, and the others find it next time.
		stream, err = js.CreateStream(ctx, streamConfig(c.Cluster, c.MaxBytes, lineage.String()))
	}
	if err != nil && c.External != nil {
		err = c.External.explain(err)
	}
	if err == nil && c.External != nil {
		err = c.External.checkSynced(ctx, stream.CachedInfo())
	}
	if err != nil {
		return nil, lineage, err
	}
	have := stream.CachedInfo().Config
	if err := checkStream(c.Cluster, &have); err != nil {
		return nil, lineage, err
	}
	lineage, err = paper.ParseLineage(have.Metadata[lineageKey])
	if err != nil {
		return nil, lineage, fmt.Errorf("%w: %s: its metadata %s: %w", ErrSetup, have.Name, lineageKey, err)
	}
	return stream, lineage, nil
}
