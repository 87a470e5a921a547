<?php
// The workers of a consumer group over Symfony Messenger's own Redis transport (Debian's php-symfony-redis-messenger and
// php-redis, RESP2). README.md tells the pattern, trial.py what goes into the journal LOG.
//
//     php worker_symfony.php PATTERN ROLE PORT LOG --name=NAME [--jobs=N] [--hang-after=N]

declare(strict_types=1);

require '/usr/share/php/Symfony/Component/Messenger/autoload.php';

use Symfony\Component\Messenger\Bridge\Redis\Transport\Connection;
use Symfony\Component\Messenger\Bridge\Redis\Transport\RedisTransport;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Exception\TransportException;

const WORK_US = 3000;
const IDLE_US = 5000;
const RETRY_US = 50000;
const REJECT_EVERY = 10;

final class Job
{
    public function __construct(public string $element)
    {
    }
}

// Each get() of the transport first counts the delayed messages in a sorted set. Nothing here is ever delayed, so a
// server without sorted sets has none: what it says of ZCOUNT is answered with 0. One that knows ZCOUNT is asked.
final class RedisWithoutDelays extends Redis
{
    public function rawCommand($command, ...$arguments): mixed
    {
        $reply = parent::rawCommand($command, ...$arguments);
        if (false === $reply && 'ZCOUNT' === $command
            && str_starts_with((string) $this->getLastError(), "ERR unknown command 'ZCOUNT'")) {
            $this->clearLastError();

            return 0;
        }

        return $reply;
    }
}

// What this process knows to be true, one line each, written before it goes on.
final class Journal
{
    private $file;

    public function __construct(string $path)
    {
        $this->file = fopen($path, 'a');
        stream_set_write_buffer($this->file, 0);
    }

    public function note(string $event, string $element, ?int $whenNs = null): void
    {
        fwrite($this->file, ($whenNs ?? hrtime(true))." $event $element\n");
    }
}

// A transport that is made anew after each failure, as a supervised `messenger:consume` would be.
final class Worker
{
    private ?RedisTransport $transport = null;

    public function __construct(private int $port, private array $options, private Journal $journal)
    {
    }

    private function transport(): RedisTransport
    {
        return $this->transport ??= new RedisTransport(Connection::fromDsn(
            "redis://127.0.0.1:{$this->port}/jobs/workers/{$this->options['name']}",
            ['delete_after_ack' => true, 'delete_after_reject' => true, 'redeliver_timeout' => 1, 'claim_interval' => 100],
            new RedisWithoutDelays(),
        ));
    }

    // Null when no answer came; then the next call connects anew. What the server refuses ends the process.
    private function try(callable $action): mixed
    {
        try {
            return $action($this->transport());
        } catch (\Throwable $error) {
            for ($cause = $error; null !== $cause; $cause = $cause->getPrevious()) {
                // The transport says in this way that it could not connect.
                if ($cause instanceof RedisException || str_starts_with($cause->getMessage(), 'Redis connection failed')) {
                    $this->transport = null;
                    usleep(RETRY_US);

                    return null;
                }
            }
            throw $error;
        }
    }

    private function untilAnswered(callable $action): mixed
    {
        do {
            $answer = $this->try($action);
        } while (null === $answer);

        return $answer;
    }

    public function produce(): void
    {
        for ($number = 0; $number < (int) $this->options['jobs']; ++$number) {
            // A push without an answer may have happened. Each attempt is an element of its own, so that one that
            // comes twice is never taken for one that came back.
            for ($attempt = 1; ; ++$attempt) {
                $element = "job-$number#$attempt";
                if (null !== $this->try(fn ($transport) => $transport->send(new Envelope(new Job($element))))) {
                    $this->journal->note('pushed', $element);
                    break;
                }
            }
        }
    }

    public function work(): void
    {
        for ($taken = 0; ;) {
            $askedNs = hrtime(true);
            $envelopes = $this->untilAnswered(fn ($transport) => $transport->get());
            foreach ($envelopes as $envelope) {
                $element = $envelope->getMessage()->element;
                $this->journal->note('claimed', $element, $askedNs);
                if (++$taken === (int) $this->options['hang-after']) {
                    $this->journal->note('hanging', $element);
                    sleep(3600);
                }
                $this->finish($envelope, $element, 0 === $taken % REJECT_EVERY);
            }
            if (!$envelopes) {
                usleep(IDLE_US);
            }
        }
    }

    private function finish(Envelope $envelope, string $element, bool $isRejected): void
    {
        usleep(WORK_US);
        $this->journal->note('done', $element);
        $isRemoved = $this->untilAnswered(function ($transport) use ($envelope, $isRejected) {
            try {
                $isRejected ? $transport->reject($envelope) : $transport->ack($envelope);

                return true;
            } catch (TransportException $error) {
                // Its words for an entry that somebody else, or an attempt without an answer, has removed.
                if (preg_match('/^Could not (acknowledge|delete) /', $error->getMessage())) {
                    return false;
                }
                throw $error;
            }
        });
        $this->journal->note($isRemoved ? 'acked' : 'gone', $element);
    }
}

$words = array_slice($argv, 1);
[, $role, $port, $log] = array_values(array_filter($words, fn ($word) => !str_starts_with($word, '--')));
$options = ['name' => 'worker', 'jobs' => 1000, 'hang-after' => 0];
foreach ($words as $word) {
    if (preg_match('/^--([a-z-]+)=(.*)$/', $word, $match)) {
        $options[$match[1]] = $match[2];
    }
}
(new Worker((int) $port, $options, new Journal($log)))->{$role}();
