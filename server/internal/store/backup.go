package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
)

// A backup is a header, frames of compressed papers and then records, and an end frame; docs/backup-format.md has the
// byte diagrams.

// BackupVersion is the version of backups that this release writes and the newest that it restores.
// Version 1: the first. Version 2: records behind the papers, and their number in the header.
const BackupVersion = 2

const (
	backupMagic      = "AKINBKUP"
	backupHeaderSize = 8 + 4 + 16 + 8 + 8 + 8 + crcSize
	frameHeaderSize  = 4 + 4 + crcSize
	endSize          = 8 + 8

	// frameBytes is the bytes of papers after which a frame ends; a frame holds whole papers.
	frameBytes = 1 << 20
	// maxFrame bounds what a frame says of its sizes: frameBytes and the largest paper that a request can carry.
	maxFrame = frameBytes + 17<<20
)

// BackupInfo is what a backup says of itself.
type BackupInfo struct {
	Lineage  paper.Lineage // of Revision in the store it was made of
	Revision uint64        // the state it holds
	Papers   uint64
	Records  uint64 // beside the papers
}

func (i *BackupInfo) encode() []byte {
	b := append(make([]byte, 0, backupHeaderSize), backupMagic...)
	b = binary.BigEndian.AppendUint32(b, BackupVersion)
	b = append(b, i.Lineage[:]...)
	b = binary.BigEndian.AppendUint64(b, i.Revision)
	b = binary.BigEndian.AppendUint64(b, i.Papers)
	b = binary.BigEndian.AppendUint64(b, i.Records)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Backup writes the present papers, with their ids, contents, times and revisions, and all records to w as they are at
// one moment, while writes go on. It holds that moment's snapshot until it returns: pages that are replaced meanwhile
// stay in the file. pinned, when not nil, is told their bytes now and then.
func (s *Store) Backup(ctx context.Context, w io.Writer, pinned func(bytes int64)) error {
	v, err := s.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false)) // frames have checksums of their own
	if err != nil {
		return err
	}
	defer enc.Close()
	st := &v.state
	info := BackupInfo{Lineage: st.lineage, Revision: st.revision, Papers: st.count, Records: st.records}
	f := &frameWriter{w: w, enc: enc}
	if err := f.header(&info); err != nil {
		return err
	}
	after := uint64(0)
	papers, err := v.frames(ctx, f, pinned, func(raw []byte) (_ []byte, n uint64, more bool, err error) {
		raw, after, n, more, err = v.frame(raw, after)
		return raw, n, more, err
	})
	if err != nil {
		return err
	}
	var last []byte
	records, err := v.frames(ctx, f, pinned, func(raw []byte) (_ []byte, n uint64, more bool, err error) {
		raw, last, n, more, err = v.recordFrame(raw, last)
		return raw, n, more, err
	})
	if err != nil {
		return err
	}
	if papers != info.Papers || records != info.Records {
		return damagedf("the state counts %d papers and %d records, there are %d and %d", info.Papers, info.Records, papers,
			records)
	}
	return f.end(papers)
}

// frames writes frames of what next gives, until it says that there is no more, and returns how many things that were.
func (v *snapshot) frames(ctx context.Context, f *frameWriter, pinned func(bytes int64),
	next func(raw []byte) (_ []byte, n uint64, more bool, err error)) (total uint64, err error) {
	var raw []byte
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return total, context.Cause(ctx)
		}
		var n uint64
		err := guard(func() (err error) {
			raw, n, more, err = next(raw[:0])
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if n > 0 {
			if err := f.frame(raw); err != nil {
				return total, err
			}
		}
		if pinned != nil {
			pinned(spaceOf(v.tx.DB(), 0).Pinned)
		}
	}
	return total, nil
}

// recordFrame appends the records above an id until raw is long enough.
func (v *snapshot) recordFrame(raw, after []byte) (_, last []byte, records uint64, more bool, err error) {
	last = after
	c := v.records.Cursor()
	for key, sealed := seekAfter(c, string(after)); key != nil; key, sealed = c.Next() {
		if len(raw) >= frameBytes {
			return raw, last, records, true, nil
		}
		value, err := recordValue(key, sealed)
		if err != nil {
			return nil, nil, 0, false, err
		}
		raw = appendRecord(raw, key, value)
		last = append([]byte{}, key...)
		records++
	}
	return raw, last, records, false, nil
}

// frame appends the live papers above an ordinal, each behind its length, until raw is long enough.
func (v *snapshot) frame(raw []byte, after uint64) (_ []byte, last, papers uint64, more bool, err error) {
	last = after
	c := v.heads.Cursor()
	for key, value := c.Seek(number(after + 1)); key != nil; key, value = c.Next() {
		if len(raw) >= frameBytes {
			return raw, last, papers, true, nil
		}
		ordinal, ok := parseNumber(key)
		if !ok {
			return nil, 0, 0, false, damagedf("bucket heads has the key %x", key)
		}
		p, err := v.decode(key, value, true)
		if err != nil {
			return nil, 0, 0, false, err
		}
		live, err := v.live(p.ID, ordinal)
		if err != nil {
			return nil, 0, 0, false, err
		}
		last = ordinal
		if !live {
			continue
		}
		start := len(raw)
		raw = wire.Append(append(raw, 0, 0, 0, 0), p)
		binary.BigEndian.PutUint32(raw[start:], uint32(len(raw)-start-4))
		papers++
	}
	return raw, last, papers, false, nil
}

// frameWriter writes header, frames and end. The checksum of each covers the one before, so that frames cannot be lost,
// doubled or exchanged unnoticed.
type frameWriter struct {
	w     io.Writer
	enc   *zstd.Encoder
	chain uint32
	buf   []byte
	bytes uint64 // raw
}

func (f *frameWriter) header(info *BackupInfo) error {
	b := info.encode()
	f.chain = binary.BigEndian.Uint32(b[len(b)-crcSize:])
	_, err := f.w.Write(b)
	return err
}

func (f *frameWriter) frame(raw []byte) error {
	f.buf = f.enc.EncodeAll(raw, append(f.buf[:0], make([]byte, frameHeaderSize)...))
	f.bytes += uint64(len(raw))
	return f.write(len(raw))
}

// end writes a frame without papers: their number and the bytes of all frames.
func (f *frameWriter) end(papers uint64) error {
	f.buf = append(f.buf[:0], make([]byte, frameHeaderSize)...)
	f.buf = binary.BigEndian.AppendUint64(f.buf, papers)
	f.buf = binary.BigEndian.AppendUint64(f.buf, f.bytes)
	return f.write(0)
}

// write fills the header of the frame in buf and writes it.
func (f *frameWriter) write(raw int) error {
	body := f.buf[frameHeaderSize:]
	binary.BigEndian.PutUint32(f.buf, uint32(raw))
	binary.BigEndian.PutUint32(f.buf[4:], uint32(len(body)))
	f.chain = chainSum(f.chain, f.buf[:8], body)
	binary.BigEndian.PutUint32(f.buf[8:], f.chain)
	_, err := f.w.Write(f.buf)
	return err
}

// chainSum is the checksum of a frame after another.
func chainSum(before uint32, header, body []byte) uint32 {
	sum := crc32.Update(0, castagnoli, binary.BigEndian.AppendUint32(nil, before))
	return crc32.Update(crc32.Update(sum, castagnoli, header), castagnoli, body)
}

// Errors about backups.
var (
	// ErrNotBackup: the stream was not written by Backup.
	ErrNotBackup = errors.New("this is not a backup")
	// ErrNewerBackup: a later release wrote the backup.
	ErrNewerBackup = errors.New("the backup is of a newer release")
	// ErrDamagedBackup: the backup is cut off or changed.
	ErrDamagedBackup = errors.New("the backup is damaged")
	// ErrExists: there is a store where one should be restored.
	ErrExists = errors.New("the data folder holds a store already")
)

// BackupSink takes what ReadBackup reads. What Paper and Record get is valid until they return.
type BackupSink struct {
	Start  func(BackupInfo) error
	Paper  func(paper []byte) error     // akin.v1.Paper
	Record func(id, value []byte) error // the id begins with the table
}

// ReadBackup reads a backup to its end. All that the sink sees has been verified; only the return of nil says that
// nothing is missing.
func ReadBackup(ctx context.Context, r io.Reader, sink BackupSink) (BackupInfo, error) {
	f, err := newFrameReader(r)
	if err != nil {
		return BackupInfo{}, err
	}
	defer f.dec.Close()
	if err := sink.Start(f.info); err != nil {
		return f.info, err
	}
	for {
		if err := ctx.Err(); err != nil {
			return f.info, context.Cause(ctx)
		}
		raw, err := f.next()
		if err != nil || raw == nil {
			return f.info, err
		}
		for len(raw) > 0 {
			if raw, err = f.hand(raw, sink); err != nil {
				return f.info, err
			}
		}
	}
}

// hand gives the first thing of a frame to the sink and returns what is behind it.
func (f *frameReader) hand(raw []byte, sink BackupSink) (rest []byte, err error) {
	if len(raw) < 4 {
		return nil, fmt.Errorf("%w: frame %d is cut", ErrDamagedBackup, f.frames)
	}
	size := binary.BigEndian.Uint32(raw)
	record := size&recordMark != 0
	size &^= recordMark
	if uint64(size) > uint64(len(raw)-4) {
		return nil, fmt.Errorf("%w: frame %d is cut inside of a paper or a record", ErrDamagedBackup, f.frames)
	}
	body, rest := raw[4:4+size], raw[4+size:]
	if !record {
		f.papers++
		return rest, sink.Paper(body)
	}
	f.records++
	id, value, err := splitRecord(body)
	if err != nil {
		return nil, fmt.Errorf("%w: record %d: %w", ErrDamagedBackup, f.records, err)
	}
	return rest, sink.Record(id, value)
}

// frameReader reads what frameWriter writes.
type frameReader struct {
	r      io.Reader
	dec    *zstd.Decoder
	info   BackupInfo
	chain  uint32
	frames int
	papers uint64
	bytes  uint64
	body   []byte
	raw    []byte

	records uint64
}

func newFrameReader(r io.Reader) (*frameReader, error) {
	f := &frameReader{r: r}
	b := make([]byte, backupHeaderSize)
	n, err := io.ReadFull(r, b)
	if n < len(backupMagic) || string(b[:len(backupMagic)]) != backupMagic {
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		return nil, ErrNotBackup
	}
	if n >= 12 {
		if v := binary.BigEndian.Uint32(b[8:]); v > BackupVersion {
			return nil, fmt.Errorf("%w: it has version %d, this one reads up to %d: use the newer release", ErrNewerBackup, v,
				BackupVersion)
		}
	}
	if err != nil {
		return nil, cut(err, "header")
	}
	f.chain = binary.BigEndian.Uint32(b[backupHeaderSize-crcSize:])
	if crc32.Checksum(b[:backupHeaderSize-crcSize], castagnoli) != f.chain ||
		binary.BigEndian.Uint32(b[8:]) != BackupVersion {
		return nil, fmt.Errorf("%w: the header does not match its checksum", ErrDamagedBackup)
	}
	copy(f.info.Lineage[:], b[12:])
	f.info.Revision = binary.BigEndian.Uint64(b[28:])
	f.info.Papers = binary.BigEndian.Uint64(b[36:])
	f.info.Records = binary.BigEndian.Uint64(b[44:])
	f.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))
	return f, err
}

// cut names a place where the stream ends or breaks.
func cut(err error, place string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends inside of the %s", ErrDamagedBackup, place)
	}
	return err
}

// next returns the papers of the next frame, nil after a good end.
func (f *frameReader) next() ([]byte, error) {
	f.frames++
	place := fmt.Sprintf("frame %d", f.frames)
	var h [frameHeaderSize]byte
	if _, err := io.ReadFull(f.r, h[:]); err != nil {
		return nil, cut(err, place)
	}
	rawSize, size := binary.BigEndian.Uint32(h[:]), binary.BigEndian.Uint32(h[4:])
	if rawSize > maxFrame || size > maxFrame || rawSize == 0 && size != endSize {
		return nil, fmt.Errorf("%w: %s has impossible sizes", ErrDamagedBackup, place)
	}
	if err := f.readBody(int(size)); err != nil {
		return nil, cut(err, place)
	}
	if f.chain = chainSum(f.chain, h[:8], f.body); f.chain != binary.BigEndian.Uint32(h[8:]) {
		return nil, fmt.Errorf("%w: %s does not match its checksum", ErrDamagedBackup, place)
	}
	if rawSize == 0 {
		return nil, f.end()
	}
	var err error
	if f.raw, err = f.dec.DecodeAll(f.body, f.raw[:0]); err != nil || len(f.raw) != int(rawSize) {
		return nil, fmt.Errorf("%w: %s cannot be decompressed: %w", ErrDamagedBackup, place, err)
	}
	f.bytes += uint64(rawSize)
	return f.raw, nil
}

// readBody reads n bytes, allocating no more than has come already, twice over: a wrong length costs nothing.
func (f *frameReader) readBody(n int) error {
	f.body = f.body[:0]
	for len(f.body) < n {
		have := len(f.body)
		step := min(n-have, max(have, 64<<10))
		f.body = append(f.body, make([]byte, step)...)
		if _, err := io.ReadFull(f.r, f.body[have:]); err != nil {
			return err
		}
	}
	return nil
}

// end verifies totals, and that nothing follows.
func (f *frameReader) end() error {
	papers, bytes := binary.BigEndian.Uint64(f.body), binary.BigEndian.Uint64(f.body[8:])
	if papers != f.papers || papers != f.info.Papers || bytes != f.bytes || f.records != f.info.Records {
		return fmt.Errorf("%w: it has %d papers and %d records in %d bytes, it should be %d and %d in %d", ErrDamagedBackup,
			f.papers, f.records, f.bytes, papers, f.info.Records, bytes)
	}
	switch n, err := io.ReadFull(f.r, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("%w: something follows its end", ErrDamagedBackup)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}
