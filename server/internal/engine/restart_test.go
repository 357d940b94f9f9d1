package engine

import (
	"context"
	"log/slog"
	"os"
	"testing"
)

// BenchmarkRestart opens the data folder named by AKIN_FOLDER until every paper in it can be found, and closes it
// again:
//
//	AKIN_FOLDER=DIR go test -run xxx -bench Restart ./server/internal/engine
func BenchmarkRestart(b *testing.B) {
	dir := os.Getenv("AKIN_FOLDER")
	if dir == "" {
		b.Skip("set AKIN_FOLDER to a data folder that no server has open")
	}
	for b.Loop() {
		e, err := Open(context.Background(), Config{Dir: dir, TrainAt: -1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := e.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
