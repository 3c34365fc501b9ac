package conformance

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Stores keep times in whole seconds, some cut and some rounded.
func soonExpired() time.Time { return time.Now().Add(1200 * time.Millisecond) }

func untilExpired(at time.Time) time.Duration { return time.Until(at) + 600*time.Millisecond }

func inAnHour() *timestamppb.Timestamp {
	return timestamppb.New(time.Now().Add(time.Hour).Truncate(time.Second))
}
