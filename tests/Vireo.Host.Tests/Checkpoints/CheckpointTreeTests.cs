using Vireo.Host.Machines.Checkpoints;
using Vireo.Machines.Configuration;
using Vireo.Testing;

namespace Vireo.Host.Tests.Checkpoints;

/// <summary>
/// Random lives of a machine with checkpoints, over images that are dictionaries: whatever is taken, applied, removed and cleaned up in
/// whatever order, the machine and each checkpoint read what they should, and in the end the machine's own disks are all that is left.
/// </summary>
public sealed class CheckpointTreeTests
{
    private const int Steps = 200;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [Requirement("CP-1")]
    [Requirement("CP-2")]
    public void Every_checkpoint_reads_what_it_read_when_it_was_taken(int part)
    {
        for (var life = 0; life < 40; life++)
        {
            var seed = (part * 1000) + life;
            var model = new Model(new Random(seed));
            for (var step = 0; step < Steps; step++)
            {
                model.Step();
                model.Check(seed, step);
            }

            model.End();
            model.Check(seed, Steps);
            Assert.Empty(model.Machine.Checkpoints.Disks);
            Assert.Equal(["/a.vhdx", "/b.vhdx"], model.Machine.Drives.Select(drive => drive.Path));
            Assert.Equal(2, model.FileCount);
        }
    }

    [Fact]
    [Requirement("CP-1")]
    public void Removing_a_checkpoint_hands_its_children_to_its_parent()
    {
        var model = new Model(new Random(1));
        var (first, second, third) = (model.Take(), model.Take(), model.Take());
        model.Apply(second);
        var fourth = model.Take();

        Assert.Equal(new HashSet<Guid> { second, third, fourth }, CheckpointTree.Subtree(model.Machine, second));
        model.Remove(second);
        Assert.Equal(first, CheckpointTree.Find(model.Machine, third)!.ParentId);
        Assert.Equal(first, CheckpointTree.Find(model.Machine, fourth)!.ParentId);
        Assert.Equal(fourth, model.Machine.Checkpoints.CurrentId);
        model.Remove(fourth);
        Assert.Equal(first, model.Machine.Checkpoints.CurrentId);
    }

    [Fact]
    [Requirement("CP-1")]
    public void A_disk_that_was_detached_by_hand_is_not_cleaned_up()
    {
        var model = new Model(new Random(1));
        var checkpoint = model.Take();
        var kept = model.Machine.Drives[1].Path!;
        model.Machine = CheckpointTree.Detached(model.Machine, model.Machine with { Drives = [model.Machine.Drives[0]] });
        model.Remove(checkpoint);
        while (CheckpointTree.Next(model.Machine) is { } step)
        {
            Assert.NotEqual(kept, step.Path);
            Assert.NotEqual("/b.vhdx", step.Into);
            model.Clean(step);
        }

        Assert.Equal(kept, Assert.Single(model.Machine.Checkpoints.Disks).Path);
    }

    [Fact]
    [Requirement("CP-3")]
    public void Work_that_was_cut_short_counts_as_far_as_the_plane_did_it()
    {
        var model = new Model(new Random(1));
        var (first, second) = (model.Machine.Drives[0], model.Machine.Drives[1]);
        var intended = CheckpointTree.Intend(model.Machine, new CheckpointWork(Guid.NewGuid(), [new(first.Id, "/a1", first.Path!), new(second.Id, "/b1", second.Path!)]));

        var settled = CheckpointTree.Settled(intended, id => id == first.Id ? "/a1" : second.Path);
        Assert.Equal(["/a1", "/b.vhdx"], settled.Drives.Select(drive => drive.Path));
        Assert.Equal(new CheckpointDisk("/a1", "/a.vhdx"), Assert.Single(settled.Checkpoints.Disks));
        Assert.Null(settled.Checkpoints.Work);
        Assert.Equal(new CleanupStep("/a1", "/a.vhdx"), CheckpointTree.Next(settled));
    }

    /// <summary>A machine with two disks, and what each image holds.</summary>
    private sealed class Model
    {
        private readonly Random _random;
        private readonly Dictionary<string, Image> _images = new() { ["/a.vhdx"] = new(null), ["/b.vhdx"] = new(null) };
        private readonly Dictionary<Guid, string[]> _then = [];
        private readonly Dictionary<string, Dictionary<int, int>> _now = new() { ["0"] = [], ["1"] = [] };
        private int _name;

        public Model(Random random)
        {
            _random = random;
            Machine = new VirtualMachineConfiguration
            {
                Id = Guid.NewGuid(),
                Name = "model",
                Generation = 2,
                CreationTime = DateTimeOffset.UnixEpoch,
                Path = "/",
                SnapshotFileLocation = "/",
                SmartPagingFilePath = "/",
                Drives =
                [
                    new() { Id = Guid.NewGuid(), Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 0, Path = "/a.vhdx" },
                    new() { Id = Guid.NewGuid(), Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 1, Path = "/b.vhdx" },
                ],
            };
        }

        public VirtualMachineConfiguration Machine { get; set; }

        public int FileCount => _images.Count;

        public void Step()
        {
            var all = Machine.Checkpoints.All;
            switch (_random.Next(10))
            {
                case < 4:
                    Write();
                    break;
                case < 6 when all.Count < 12:
                    Take();
                    break;
                case 6 when all.Count > 0:
                    Apply(all[_random.Next(all.Count)].Id);
                    break;
                case 7 when all.Count > 0:
                    var one = all[_random.Next(all.Count)].Id;
                    foreach (var gone in _random.Next(3) == 0 ? CheckpointTree.Subtree(Machine, one) : new HashSet<Guid> { one })
                    {
                        Remove(gone);
                    }

                    break;
                default:
                    if (CheckpointTree.Next(Machine) is { } step)
                    {
                        Clean(step);
                    }

                    break;
            }
        }

        public void End()
        {
            foreach (var one in Machine.Checkpoints.All.ToList())
            {
                Remove(one.Id);
            }

            while (CheckpointTree.Next(Machine) is { } step)
            {
                Clean(step);
            }
        }

        public void Check(int seed, int step)
        {
            Assert.True(Describe(Machine).SequenceEqual(_now.Values.Select(Text)), $"seed {seed}, step {step}: the machine reads something else");
            foreach (var one in Machine.Checkpoints.All)
            {
                Assert.True(Describe(one.Machine).SequenceEqual(_then[one.Id]), $"seed {seed}, step {step}: the checkpoint {one.Name} reads something else");
            }
        }

        public Guid Take()
        {
            Intend(Machine.Drives);
            var id = Guid.NewGuid();
            _then[id] = [.. _now.Values.Select(Text)];
            Machine = CheckpointTree.Taken(Machine, new CheckpointConfiguration
            {
                Id = id,
                Name = $"{_name++}",
                CreationTime = DateTimeOffset.UnixEpoch,
                ParentId = Machine.Checkpoints.CurrentId,
                Machine = Machine with { Checkpoints = new() },
            });
            return id;
        }

        public void Apply(Guid id)
        {
            var checkpoint = CheckpointTree.Find(Machine, id)!;
            Intend(checkpoint.Machine.Drives);
            Machine = CheckpointTree.Applied(Machine, checkpoint, _ => true);
            for (var disk = 0; disk < 2; disk++)
            {
                _now[$"{disk}"] = Read(Machine.Drives[disk].Path!);
            }
        }

        public void Remove(Guid id) => Machine = CheckpointTree.Removed(Machine, new HashSet<Guid> { id });

        public void Clean(CleanupStep step)
        {
            var image = _images[step.Path];
            if (step.Into is null)
            {
                Machine = CheckpointTree.Deleted(Machine, step.Path);
            }
            else
            {
                Assert.Equal(step.Into, image.Parent);
                foreach (var (key, value) in image.Own)
                {
                    _images[step.Into].Own[key] = value;
                }

                foreach (var child in _images.Values.Where(child => child.Parent == step.Path))
                {
                    child.Parent = step.Into;
                }

                Machine = CheckpointTree.Merged(Machine, Machine.Checkpoints.Disks.First(disk => disk.Path == step.Path));
            }

            Assert.DoesNotContain(_images.Values, other => other.Parent == step.Path);
            _images.Remove(step.Path);
        }

        private void Write()
        {
            var disk = _random.Next(2);
            var (key, value) = (_random.Next(8), _random.Next(1000));
            _images[Machine.Drives[disk].Path!].Own[key] = value;
            _now[$"{disk}"][key] = value;
        }

        private void Intend(IReadOnlyList<DriveConfiguration> drives)
        {
            var disks = drives.Select(drive => new PendingDisk(drive.Id, $"/{_name++}.avhdx", drive.Path!)).ToList();
            Machine = CheckpointTree.Intend(Machine, new CheckpointWork(Guid.NewGuid(), disks));
            foreach (var disk in disks)
            {
                _images.Add(disk.Path, new(disk.ParentPath));
            }
        }

        private IEnumerable<string> Describe(VirtualMachineConfiguration machine) => machine.Drives.Select(drive => Text(Read(drive.Path!)));

        private Dictionary<int, int> Read(string path)
        {
            var image = _images[path];
            var view = image.Parent is null ? [] : Read(image.Parent);
            foreach (var (key, value) in image.Own)
            {
                view[key] = value;
            }

            return view;
        }

        private static string Text(Dictionary<int, int> view) => string.Join(' ', view.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}={pair.Value}"));

        private sealed class Image(string? parent)
        {
            public string? Parent { get; set; } = parent;

            public Dictionary<int, int> Own { get; } = [];
        }
    }
}
