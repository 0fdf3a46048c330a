-- Why a firing retrained or did not, kept beside what came of it.
ALTER TABLE "Firing" ADD COLUMN "reason" TEXT;

-- Of firings that go on or had no reason to retrain, the message is that sentence still.
UPDATE "Firing" SET "reason" = "message" WHERE "state" IN ('idle', 'retraining', 'comparing');
