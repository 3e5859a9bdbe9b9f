using System.Threading.Channels;

namespace Vireo.Machines.Running;

/// <summary>Hands events to any number of readers. A slow reader loses its oldest events and never holds up the machine.</summary>
internal sealed class MachineEventHub
{
    private const int Capacity = 1000;

    private readonly Lock _lock = new();
    private readonly List<Channel<MachineEvent>> _readers = [];
    private bool _ended;

    /// <summary>Events from now on.</summary>
    public ChannelReader<MachineEvent> Subscribe(CancellationToken cancellationToken)
    {
        var channel = Channel.CreateBounded<MachineEvent>(new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_lock)
        {
            if (_ended)
            {
                channel.Writer.Complete();
                return channel.Reader;
            }

            _readers.Add(channel);
        }

        cancellationToken.Register(() => Remove(channel));
        return channel.Reader;
    }

    /// <summary>Tells everybody.</summary>
    public void Publish(MachineEvent happening)
    {
        lock (_lock)
        {
            foreach (var reader in _readers)
            {
                reader.Writer.TryWrite(happening);
            }
        }
    }

    /// <summary>No more events.</summary>
    public void End()
    {
        lock (_lock)
        {
            _ended = true;
            foreach (var reader in _readers)
            {
                reader.Writer.TryComplete();
            }

            _readers.Clear();
        }
    }

    private void Remove(Channel<MachineEvent> channel)
    {
        lock (_lock)
        {
            _readers.Remove(channel);
        }

        channel.Writer.TryComplete();
    }
}
