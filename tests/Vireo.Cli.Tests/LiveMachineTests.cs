using System.Reflection;
using Microsoft.HyperV.PowerShell;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary>A machine in a script's variable follows the real one. Properties that are added later are looked at too.</summary>
[Requirement("PS-3")]
public class LiveMachineTests
{
    /// <summary>What a machine is for life, and what the reading itself finds out.</summary>
    private static readonly string[] Fixed = ["Id", "VMId", "Generation", "DeviceModel", "GuestFamily", "CreationTime", "ComputerName", "IsDeleted", "VirtualMachineSubType"];

    private static PropertyInfo[] Properties => typeof(VirtualMachine).GetProperties();

    [Fact]
    public void Every_property_is_taken_from_a_later_reading()
    {
        var later = new VirtualMachine();
        foreach (var property in Properties.Where(static property => property.CanWrite))
        {
            property.SetValue(later, Another(property.PropertyType, property.GetValue(later)));
        }

        var machine = new VirtualMachine();
        var differed = Properties.Where(property => !Equals(property.GetValue(machine), property.GetValue(later))).Select(static property => property.Name).ToList();
        Assert.Equal(Properties.Length, differed.Count);
        machine.CopyFrom(later);
        Assert.All(Properties, property => Assert.Equal(property.GetValue(later), property.GetValue(machine)));
    }

    [Fact]
    public void Every_property_that_can_change_asks_for_a_later_reading()
    {
        var source = new CountingSource();
        var machine = new VirtualMachine { LiveSource = source };
        foreach (var property in Properties.Where(static property => !Fixed.Contains(property.Name)))
        {
            var before = source.Asked;
            property.GetValue(machine);
            Assert.True(source.Asked > before, $"VirtualMachine.{property.Name} is never read again; write its getter as 'get => Fresh(ref field)'.");
        }
    }

    private static object Another(Type type, object? value)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type switch
        {
            _ when type == typeof(string) => value + "x",
            _ when type == typeof(bool) => !(bool)value!,
            _ when type == typeof(Guid) => Guid.NewGuid(),
            _ when type == typeof(DateTime) => new DateTime(2026, 1, 31, 0, 0, 0, DateTimeKind.Utc),
            _ when type == typeof(TimeSpan) => TimeSpan.FromSeconds(1),
            _ when type.IsArray => Array.CreateInstance(type.GetElementType()!, 1),
            _ when type.IsEnum => Enum.GetValues(type).Cast<object>().First(member => !Equals(member, value)),
            _ when type.IsPrimitive => Convert.ChangeType(Convert.ToInt64(value, null) + 1, type, null),
            _ => Activator.CreateInstance(type)!,
        };
    }

    private sealed class CountingSource : ILiveSource
    {
        public int Asked { get; private set; }

        public void Refresh(VirtualizationObject value) => Asked++;
    }
}
