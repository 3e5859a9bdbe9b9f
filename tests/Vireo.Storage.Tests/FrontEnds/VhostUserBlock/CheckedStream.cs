using System.Buffers.Binary;
using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Testing.Vhost;

namespace Vireo.Storage.Tests.FrontEnds.VhostUserBlock;

/// <summary>
/// A guest that writes pages with numbers in them, several at a time and by all its queues in turns, over a storage server that may die at any moment: it
/// starts the server again and goes on, as QEMU does. It notes what each page must hold, and that every request is answered once.
/// </summary>
internal sealed class CheckedStream : IDisposable
{
    private const int PageBytes = 4096;
    private const int QueueSize = 128;
    private const ulong AllButLog = ulong.MaxValue & ~(1UL << 26);
    private readonly string _image;
    private readonly string _socket;
    private readonly Random _random;
    private readonly MockGuestMemory _memory;
    private readonly MockBlockDriver[] _drivers;
    private readonly int[] _answers;
    private readonly EventPoll _calls = new();
    private readonly Dictionary<MockBlockRequest, int> _pageOf = [];
    private readonly long[] _expected;
    private (byte[] Description, Descriptor File)? _inflight;
    private StorageServerProcess? _server;
    private MockFrontEnd? _frontEnd;
    private long _number;

    public CheckedStream(string image, string socket, int pages, int seed, int queues = 1)
    {
        _image = image;
        _socket = socket;
        _random = new Random(seed);
        _expected = new long[pages];

        _memory = new MockGuestMemory((1 + queues) << 20);
        _answers = new int[queues];
        _drivers = new MockBlockDriver[queues];
        for (var i = 0; i < queues; i++)
        {
            // Without the event index, so that the driver's side is the same before and after a restart.
            var queue = new MockQueue(_memory, i, QueueSize);
            _drivers[i] = new MockBlockDriver(_memory, queue, depth: 16, PageBytes, indirect: true);
            _calls.Watch(queue.Call.Descriptor, PollEvents.Readable, (ulong)i);
        }
    }

    /// <summary>How often the server died.</summary>
    public int Deaths { get; private set; }

    /// <summary>Requests answered.</summary>
    public int Answers => _answers.Sum();

    /// <summary>The same by queue.</summary>
    public IReadOnlyList<int> AnswersByQueue => _answers;

    /// <summary>Starts the server; it dies at <paramref name="crashAt"/>, if that is given.</summary>
    public void StartServer(string? crashAt = null)
    {
        _frontEnd?.Dispose();
        _server?.Dispose();
        _server = StorageServerProcess.Start(_image, _socket, crashAt, _drivers.Length);
        _frontEnd = _server.Connect(_socket);
        _frontEnd.Negotiate(AllButLog & ~(1UL << 29));
        Assert.True(_frontEnd.SetMemory(_memory));
        _inflight ??= _frontEnd.GetInflight(_drivers.Length, QueueSize);
        Assert.True(_frontEnd.SetInflight(_inflight.Value));

        // QEMU knows no better position after a death than the used index; the inflight region corrects it.
        foreach (var driver in _drivers)
        {
            _frontEnd.Start(_memory, driver.Queue, driver.Queue.UsedIndex);
        }
    }

    /// <summary>Kills the server without a warning; the stream starts another when it notices.</summary>
    public void Kill() => _server!.Kill();

    /// <summary>Writes <paramref name="count"/> pages, a flush now and then.</summary>
    public void Write(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var driver = _drivers[i % _drivers.Length];
            while (driver.Free == 0)
            {
                TakeAnswer();
            }

            var request = driver.Take();
            var page = -1;
            if (_random.Next(20) == 0)
            {
                driver.Send(request, MockBlockDriver.Flush, 0, 0);
            }
            else
            {
                // Never two writes in flight to one page: their order would be open.
                do
                {
                    page = _random.Next(_expected.Length);
                }
                while (_pageOf.ContainsValue(page));

                _expected[page] = ++_number;
                Fill(driver.Data(request, PageBytes), _number, page);
                driver.Send(request, MockBlockDriver.Write, (ulong)page * (PageBytes / 512), PageBytes);
            }

            _pageOf.Add(request, page);
            driver.Queue.Kick();
        }
    }

    /// <summary>Waits for all answers and reads everything back.</summary>
    public void Verify()
    {
        while (_pageOf.Count > 0)
        {
            TakeAnswer();
        }

        var expected = new byte[PageBytes];
        var read = new byte[PageBytes];
        for (var page = 0; page < _expected.Length; page++)
        {
            Assert.Equal(0, _drivers[page % _drivers.Length].Do(MockBlockDriver.Read, (ulong)page * (PageBytes / 512), read));
            Fill(expected, _expected[page], page);
            Assert.True(read.AsSpan().SequenceEqual(expected), $"Page {page} holds {BinaryPrimitives.ReadInt64LittleEndian(read)} instead of {_expected[page]}.");
        }

        // Stopping a queue shows that nothing is left over.
        foreach (var driver in _drivers)
        {
            Assert.Equal(driver.Queue.AvailableIndex, _frontEnd!.Stop(driver.Queue));
        }
    }

    public void Dispose()
    {
        _frontEnd?.Dispose();
        _server?.Dispose();
        _inflight?.File.Dispose();
        _calls.Dispose();
        foreach (var driver in _drivers)
        {
            driver.Queue.Dispose();
        }

        _memory.Dispose();
    }

    private static void Fill(Span<byte> page, long number, int index)
    {
        page.Clear();
        if (number > 0)
        {
            BinaryPrimitives.WriteInt64LittleEndian(page, number);
            page[8..].Fill((byte)(number + index));
        }
    }

    private void TakeAnswer()
    {
        const int lookMilliseconds = 20;
        const int looksMax = 3000;
        for (var look = 0; look < looksMax; look++)
        {
            for (var i = 0; i < _drivers.Length; i++)
            {
                if (_drivers[i].TryGet() is { } request)
                {
                    Assert.Equal(0, request.Status);
                    Assert.True(_pageOf.Remove(request));
                    _drivers[i].Return(request);
                    _answers[i]++;
                    return;
                }
            }

            // What comes after the look signals; the queues want that from the beginning.
            for (var i = _calls.Wait(lookMilliseconds) - 1; i >= 0; i--)
            {
                _drivers[(int)_calls.Event(i).Key].Queue.Call.Drain();
            }

            if (_server!.HasExited)
            {
                Deaths++;
                StartServer();
            }
        }

        Assert.Fail($"A request got no answer for a minute; {_pageOf.Count} are in flight.");
    }
}
