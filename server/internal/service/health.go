package service

import (
	"time"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
)

// everyService is what health checks may ask for; the empty name stands for the whole server.
var everyService = []string{
	"",
	akinv1.PaperService_ServiceDesc.ServiceName,
	akinv1.SimilarityService_ServiceDesc.ServiceName,
	akinv1.IndexService_ServiceDesc.ServiceName,
	akinv1.ProfileService_ServiceDesc.ServiceName,
	akinv1.AlertService_ServiceDesc.ServiceName,
}

// writeWatch is how often the health of writes is looked at. A variable, so that tests need not wait.
var writeWatch = time.Second

func (s *Server) setHealth(status healthv1.HealthCheckResponse_ServingStatus, services ...string) {
	for _, name := range services {
		s.health.SetServingStatus(name, status)
	}
}

// watchWrites turns PaperService to NOT_SERVING while the engine refuses writes: searches go on from what is there, so
// the other services stay as they are, and so does the empty name unless the configuration says otherwise. It ends
// with the drain.
func (s *Server) watchWrites(e Backend) {
	tick := time.NewTicker(writeWatch)
	defer tick.Stop()
	writers := []string{akinv1.PaperService_ServiceDesc.ServiceName}
	if s.cfg.HealthNeedsWrites {
		writers = []string{"", akinv1.PaperService_ServiceDesc.ServiceName} // whoever sees the second sees the first
	}
	writable, current := true, true
	for {
		select {
		case <-s.draining:
			return
		case <-tick.C:
		}
		if s.cfg.Current != nil {
			if err := s.cfg.Current(); (err == nil) != current {
				current = err == nil
				s.turn(current, err)
				writable = true // as turn has set it
			}
			if !current {
				continue
			}
		}
		err := e.Writable()
		if (err == nil) == writable {
			continue
		}
		if writable = err == nil; writable {
			s.log.Info("writes are accepted again")
			s.setHealth(healthv1.HealthCheckResponse_SERVING, writers...)
		} else {
			s.log.Error("writes are refused, reads go on", "reason", string(engine.RefusalOf(err)), "unhealthy", writers,
				"error", err)
			s.setHealth(healthv1.HealthCheckResponse_NOT_SERVING, writers...)
		}
	}
}

// turn sets the health of everything by whether this node of a cluster is current.
func (s *Server) turn(current bool, why error) {
	if current {
		s.log.Info("this node is level with the cluster again")
		s.setHealth(healthv1.HealthCheckResponse_SERVING, everyService...)
		return
	}
	s.log.Error("this node is not level with the cluster: others should be asked", "reason", why)
	s.setHealth(healthv1.HealthCheckResponse_NOT_SERVING, everyService...)
}
