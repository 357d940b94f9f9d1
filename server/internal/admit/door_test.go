package admit

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/credentials"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// script is a connection whose client has said everything before, in pieces of any size, and of which everything that
// is written is kept.
type script struct {
	net.Conn
	rng     *rand.Rand
	said    []byte
	written bytes.Buffer
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.said) == 0 {
		return 0, io.EOF
	}
	n := min(len(b), len(s.said), 1+s.rng.IntN(1<<s.rng.IntN(16)))
	copy(b, s.said[:n])
	s.said = s.said[n:]
	return n, nil
}

func (s *script) Write(b []byte) (int, error) { return s.written.Write(b) }
func (s *script) RemoteAddr() net.Addr        { return &net.TCPAddr{} }
func (s *script) LocalAddr() net.Addr         { return &net.TCPAddr{} }

type once struct {
	net.Listener
	conn net.Conn
}

func (o once) Accept() (net.Conn, error) { return o.conn, nil }

// poorAndRich are the tokens of one who may make no more calls, and of one who may make any number.
func doorGate(t testing.TB) (g *Gate, poor, rich string) {
	t.Helper()
	poor, poorHash := NewToken()
	rich, richHash := NewToken()
	entries, err := ParseEntries(fmt.Sprintf(
		"[[principal]]\nname = \"poor\"\nhash = %q\nroles = [\"read\"]\nrate = 1e-3\n"+
			"[[principal]]\nname = \"rich\"\nhash = %q\nroles = [\"read\"]\n", poorHash, richHash), nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := &Keyring{now: time.Now}
	keys.live.Store(entries)
	if !entries.byToken(poor).account.limiter.Allow() {
		t.Fatal("the first call of a principal is beyond its rate")
	}
	g = New(Config{Keys: keys, Cores: 1})
	g.limiter.slots = 1 << 20 // whoever is not refused for its rate is let through
	return g, poor, rich
}

func (g *Gate) doorOf(t testing.TB, conn net.Conn) *Door {
	t.Helper()
	c, err := g.Doors(once{conn: conn}, func(net.Conn) credentials.AuthInfo { return nil }).Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*Door)
}

// speech is what a client says.
type speech struct {
	rng     *rand.Rand
	out     bytes.Buffer
	framer  *http2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
	next    uint32
}

func newSpeech(rng *rand.Rand) *speech {
	s := &speech{rng: rng, next: 1}
	s.framer = http2.NewFramer(&s.out, nil)
	s.encoder = hpack.NewEncoder(&s.block)
	s.out.WriteString(http2.ClientPreface)
	_ = s.framer.WriteSettings()
	return s
}

// call says the headers of a call, in as many frames and with as much around them as HTTP/2 allows.
func (s *speech) call(closed bool, fields []hpack.HeaderField) (stream uint32) {
	s.block.Reset()
	for _, f := range fields {
		_ = s.encoder.WriteField(f)
	}
	block := s.block.Bytes()
	stream = s.next
	s.next += 2 * (1 + uint32(s.rng.IntN(3)))
	param := http2.HeadersFrameParam{StreamID: stream, EndStream: closed, EndHeaders: true, BlockFragment: block}
	if s.rng.IntN(4) == 0 {
		param.PadLength = uint8(s.rng.IntN(256))
	}
	if s.rng.IntN(4) == 0 {
		param.Priority = http2.PriorityParam{StreamDep: 0, Weight: 3}
	}
	var rest []byte
	if s.rng.IntN(4) == 0 {
		cut := s.rng.IntN(len(block))
		param.BlockFragment, rest, param.EndHeaders = block[:cut], block[cut:], false
	}
	_ = s.framer.WriteHeaders(param)
	for !param.EndHeaders {
		n := s.rng.IntN(len(rest) + 1)
		param.EndHeaders = n == len(rest)
		_ = s.framer.WriteContinuation(stream, param.EndHeaders, rest[:n])
		rest = rest[n:]
	}
	return stream
}

// headers are those of a call, some the same in all calls and some different in each.
func headers(rng *rand.Rand, token string, i int) []hpack.HeaderField {
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"},
		{Name: ":path", Value: akinv1.SimilarityService_SearchPapers_FullMethodName},
		{Name: ":authority", Value: "akin.example.org"},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
		{Name: "grpc-timeout", Value: fmt.Sprintf("%dm", 1+rng.IntN(5000))},
		{Name: "authorization", Value: "Bearer " + token, Sensitive: rng.IntN(2) == 0},
		{Name: RequestHeader, Value: fmt.Sprintf("call-%d", i)},
	}
	for range rng.IntN(4) {
		fields = append(fields, hpack.HeaderField{
			Name: fmt.Sprintf("x-%d", rng.IntN(5)), Value: strings.Repeat("v", rng.IntN(1<<rng.IntN(12)))})
	}
	return fields
}

// passes is a frame that gRPC is to see.
type passes struct {
	kind   http2.FrameType
	stream uint32
	fields []hpack.HeaderField
	data   string
}

func TestADoorLeavesOutCallsThatItRefusesAndNothingElse(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			g, poor, rich := doorGate(t)
			g.watching.Store(1 << 62)
			s := newSpeech(rng)
			var want []passes
			refused := make(map[uint32]string) // stream: name of the request
			for i := range 1 + rng.IntN(60) {
				token, closed := rich, rng.IntN(2) == 0
				if rng.IntN(3) == 0 && seed%5 > 0 {
					token = poor
				}
				fields := headers(rng, token, i)
				stream := s.call(closed, fields)
				if token == poor {
					refused[stream] = fmt.Sprintf("call-%d", i)
				} else {
					want = append(want, passes{http2.FrameHeaders, stream, fields, ""})
				}
				for range rng.IntN(3) {
					data := strings.Repeat("d", rng.IntN(1<<rng.IntN(14)))
					_ = s.framer.WriteData(stream, false, []byte(data))
					want = append(want, passes{http2.FrameData, stream, nil, data})
				}
				if rng.IntN(5) == 0 {
					_ = s.framer.WriteWindowUpdate(0, 1000)
					want = append(want, passes{http2.FrameWindowUpdate, 0, nil, ""})
				}
			}
			conn := &script{rng: rng, said: s.out.Bytes()}
			d := g.doorOf(t, conn)
			// gRPC's own frames come between, written in pieces.
			said := s.grpcSays(rng)
			var seen bytes.Buffer
			for b := make([]byte, 1<<(4+rng.IntN(12))); ; {
				n, err := d.Read(b)
				seen.Write(b[:n])
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if k := min(len(said), rng.IntN(200)); k > 0 {
					if _, err := d.Write(said[:k]); err != nil {
						t.Fatal(err)
					}
					said = said[k:]
				}
			}
			if _, err := d.Write(said); err != nil {
				t.Fatal(err)
			}
			checkPassed(t, seed, seen.Bytes(), want)
			checkAnswers(t, seed, conn.written.Bytes(), refused)
			if len(d.passed) != len(want)-countNot(want, http2.FrameHeaders) {
				t.Errorf("seed %d: gRPC is to hear of %d calls", seed, len(d.passed))
			}
		})
	}
}

func countNot(list []passes, kind http2.FrameType) (n int) {
	for _, p := range list {
		if p.kind != kind {
			n++
		}
	}
	return n
}

// grpcSays are frames of a server: answers, headers in several frames among them.
func (s *speech) grpcSays(rng *rand.Rand) []byte {
	var out bytes.Buffer
	f := http2.NewFramer(&out, nil)
	for range 20 {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1_000_001, BlockFragment: []byte{0x88}, EndHeaders: false})
		_ = f.WriteContinuation(1_000_001, false, []byte{0x88})
		_ = f.WriteContinuation(1_000_001, true, []byte{0x88})
		_ = f.WriteData(1_000_001, false, make([]byte, rng.IntN(300)))
		_ = f.WritePing(true, [8]byte{})
	}
	return out.Bytes()
}

// FuzzDoor holds for whatever comes: a door that refuses nothing changes nothing, and one that does neither panics nor
// hangs, and grows by no more than it is sent.
func FuzzDoor(f *testing.F) {
	s := newSpeech(rand.New(rand.NewPCG(1, 1)))
	for i := range 3 {
		s.call(i == 0, headers(s.rng, "token", i))
	}
	f.Add(s.out.Bytes(), uint64(1))
	f.Add([]byte(http2.ClientPreface+"\x00\x00\x01\x09\x04\x00\x00\x00\x01\x88"), uint64(2))
	f.Add([]byte(http2.ClientPreface+
		"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x88\x00\x00\x01\x00\x00\x00\x00\x00\x01x"), uint64(3))
	f.Fuzz(func(t *testing.T, said []byte, seed uint64) {
		g, poor, rich := doorGate(t)
		g.watching.Store(1 << 62)
		rng := rand.New(rand.NewPCG(seed, 2))
		d := g.doorOf(t, &script{rng: rng, said: bytes.Clone(said)})
		seen, err := io.ReadAll(d)
		if err != nil || !bytes.Equal(seen, said) {
			t.Fatalf("%d bytes became %d, %v", len(said), len(seen), err)
		}

		// The same behind a call that is refused.
		first := newSpeech(rng)
		first.call(true, headers(rng, poor, 0))
		first.call(true, headers(rng, rich, 1))
		begin := first.out.Bytes()
		conn := &script{rng: rng, said: append(begin, said...)}
		d = g.doorOf(t, conn)
		seen, err = io.ReadAll(d)
		if d.table == nil || len(seen) > 64*(len(said)+len(begin))+maxHeaders {
			t.Fatalf("%d bytes became %d, %v", len(said), len(seen), err)
		}
	})
}

func TestHeadersWithoutAnEndAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, refusing := range []bool{false, true} {
			g, poor, _ := doorGate(t)
			g.watching.Store(1 << 62)
			s := newSpeech(rand.New(rand.NewPCG(1, 1)))
			if refusing {
				s.call(true, headers(s.rng, poor, 0))
			}
			before := s.out.Len()
			_ = s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s.next, BlockFragment: []byte{0x88}})
			for range 100 {
				_ = s.framer.WriteContinuation(s.next, false, make([]byte, maxFrame))
			}
			d := g.doorOf(t, &script{rng: s.rng, said: s.out.Bytes()})
			seen, err := io.ReadAll(d)
			switch {
			case refusing && err == nil:
				t.Error("a connection that cannot be followed any more goes on")
			case !refusing && (err != nil || len(seen) < before+100*maxFrame):
				t.Errorf("gRPC saw %d bytes, %v: what it refuses must reach it", len(seen), err)
			}
			if cap(d.held) > 4*maxHeaders {
				t.Errorf("%d bytes are held", cap(d.held))
			}
		}
	})
}

func TestTimeoutsAreReadAsGRPCWritesThem(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1H": time.Hour, "2M": 2 * time.Minute, "3S": 3 * time.Second, "4m": 4 * time.Millisecond,
		"5u": 5 * time.Microsecond, "6n": 6, "99999999m": 99999999 * time.Millisecond, "0m": 0,
		"": -1, "m": -1, "1": -1, "1x": -1, "-1m": -1, "123456789m": -1, "1.5S": -1,
	} {
		if got, ok := timeoutOf(text); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, ok, want)
		}
	}
	if d, ok := timeoutOf("99999999H"); !ok || d < 1000*time.Hour {
		t.Errorf("a long timeout is %v, %v", d, ok)
	}
}

func TestBackgroundWorkGivesWayWhileCallsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, _ := doorGate(t)
		begin := time.Now()
		for range 1000 {
			g.GiveWay()
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("without a refusal it waited %v", took)
		}
		g.watch(time.Now())
		const step = 100 * time.Microsecond
		worked := time.Duration(0)
		for time.Since(begin) < watchFor {
			before := time.Now()
			g.GiveWay()
			if took := time.Since(before); took > bgPeriod {
				t.Errorf("it waited %v at a stretch", took)
			}
			time.Sleep(step)
			worked += step
		}
		if share := worked.Seconds() / time.Since(begin).Seconds(); share > .15 || share < .05 {
			t.Errorf("work took %.2f of the time while calls were refused", share)
		}
		time.Sleep(watchFor)
		before := time.Now()
		g.GiveWay()
		if took := time.Since(before); took != 0 {
			t.Errorf("after the last refusal it waits %v", took)
		}
	})
}

func TestRefusalsAtDoorsAreToldOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told [][]Shed
		s := shed{tell: func(list []Shed) { told = append(told, list) }}
		for range 1000 {
			s.count("/a", errTooManyCalls)
		}
		s.count("/b", errTooManyCalls)
		time.Sleep(tellEvery)
		synctest.Wait()
		time.Sleep(10 * tellEvery)
		if len(told) != 1 || len(told[0]) != 2 || told[0][0].Calls+told[0][1].Calls != 1001 {
			t.Errorf("told %v", told)
		}
	})
}

func decoded(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestADoorRefusesStreamsForWhichThereIsNoSeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, rich := doorGate(t)
		g.watching.Store(1 << 62)
		p := g.cfg.Keys.entries().byToken(rich)
		rule := g.cfg.Rules[akinv1.PaperService_ExportPapers_FullMethodName]
		var held []*Call
		for range maxOwnSeats {
			call := &Call{Rule: rule, key: p.account}
			if !g.seats.take(call) {
				t.Fatal("there is no seat from the start on")
			}
			held = append(held, call)
		}
		s := newSpeech(rand.New(rand.NewPCG(1, 1)))
		export := headers(s.rng, rich, 0)
		for i := range export {
			if export[i].Name == ":path" {
				export[i].Value = akinv1.PaperService_ExportPapers_FullMethodName
			}
		}
		asks := func() (refused bool) {
			s.call(true, export)
			d := g.doorOf(t, &script{rng: s.rng, said: bytes.Clone(s.out.Bytes())})
			if _, err := io.ReadAll(d); err != nil {
				t.Fatal(err)
			}
			return d.table != nil
		}
		if !asks() {
			t.Error("an export beyond the seats passes the door")
		}
		g.seats.give(held[0])
		if asks() {
			t.Error("an export is refused though there is a seat")
		}
	})
}
