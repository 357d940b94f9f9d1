package lexical

import "math/bits"

// The class of a posting: 3 bits for the count, 5 bits for the length of the paper.
//
//	count   1 2 3 4 5 6-7 8-11 12-
//	length  4 classes an octave from 8 words to 1,448: the score of a posting is at most 5 % off
const (
	countClasses  = 8
	lengthClasses = 32
	firstOctave   = 3 // lengths below 2^3 share class 0
)

var classCounts = [countClasses]float64{1, 2, 3, 4, 5, 6.4, 9, 14}

// classOfCount is the class of a small count; nearly all are 1.
var classOfCount = [12]uint8{0, 0, 1, 2, 3, 4, 5, 5, 6, 6, 6, 6}

func countClass(tf uint32) uint32 {
	if tf < uint32(len(classOfCount)) {
		return uint32(classOfCount[tf])
	}
	return countClasses - 1
}

// lengthClass maps a length to its class; classLength is the middle of a class.
func lengthClass(tokens uint32) uint32 {
	if tokens < 1<<firstOctave {
		return 0
	}
	octave := uint32(bits.Len32(tokens)) - 1
	quarter := tokens >> (octave - 2) & 3
	return min((octave-firstOctave)*4+quarter, lengthClasses-1)
}

func classLength(class uint32) float64 {
	octave, quarter := class/4+firstOctave, class%4
	return float64(uint32(1)<<octave) * (1 + (float64(quarter)+.5)/4)
}

func postingClass(tf, tokens uint32) uint8 {
	return uint8(countClass(tf)*lengthClasses + lengthClass(tokens))
}
