package service

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a handler, a stream or a watch outlives its server.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
